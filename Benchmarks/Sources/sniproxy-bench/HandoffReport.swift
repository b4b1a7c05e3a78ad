import Foundation

/// The ways beside each other, as text for the terminal and as a Markdown table of ratios.
struct HandoffReport {
  let results: HandoffResults

  var text: String {
    var lines = [
      "", "Medians of \(results.rounds) rounds. * = the load could not go faster. CPU and memory: the proxy's.", "",
    ]
    for work in results.works {
      let figures = results.figures(of: work)
      lines.append(TextTable.row(work.title, figures.map(\.rawValue)))
      for way in Way.allCases {
        lines.append(
          TextTable.row(
            "  " + way.title,
            figures.map { figure in
              results.figure(figure, of: work, way).map {
                String(format: "%.\(figure.decimals)f", $0) + mark(figure, work, way, or: " ")
              } ?? ""
            }))
      }
      for target in work.targets {
        guard let ratio = results.ratio(target.figure, of: work, to: target.way) else { continue }
        let verdict = target.isMet(by: ratio) ? "met   " : "MISSED"
        lines.append(
          "  \(verdict) \(target.figure.rawValue): " + String(format: "%.3f", ratio)
            + " of \(target.way.title), wanted \(target.text)")
      }
      lines.append("")
    }
    if results.disturbance >= 0.005 {
      let part = String(format: "%.0f %%", results.disturbance * 100)
      lines.append("Others disturbed \(part) of the measurements, which were left out where there was a quiet one.")
    }
    return lines.joined(separator: "\n")
  }

  var markdown: String {
    let head = [
      "| work | figure | handed over to direct | handed over to relayed | aim |",
      "|---|---|---|---|---|",
    ]
    let rows = results.works.flatMap { work in
      results.figures(of: work).filter { $0 != .p99 }.map { figure in
        let target = work.targets.first { $0.figure == figure }
        let ratios = [Way.direct, .relayed].map { way in
          results.ratio(figure, of: work, to: way).map {
            String(format: "%.2f", $0) + mark(figure, work, .handedOver, or: "").replacing("*", with: "\\*")
          } ?? ""
        }
        return "| " + ([work.title, figure.rawValue] + ratios + [target?.text ?? ""]).joined(separator: " | ") + " |"
      }
    }
    return (head + rows).joined(separator: "\n") + "\n"
  }

  private func mark(_ figure: Figure, _ work: HandoffWork, _ way: Way, or nothing: String) -> String {
    figure.moreIsBetter && results.isBoundByLoad(work, way) ? "*" : nothing
  }
}
