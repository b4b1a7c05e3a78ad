import Foundation

/// The results as tables that a person reads, 100 columns wide at most.
struct TextReport {
  let results: Results

  var text: String {
    var lines = ["", "Medians of \(results.rounds) rounds. * = the load could not go faster.", ""]
    for work in results.works { lines += table(of: work) + [""] }
    lines += results.growth.flatMap(growth) + [""]
    if results.disturbance >= 0.005 {
      let part = String(format: "%.0f %%", results.disturbance * 100)
      lines.append("Others disturbed \(part) of the measurements, which were left out where there was a quiet one.")
      if results.disturbance > 0.1 { lines.append("Better repeat this on a quiet machine.") }
    }
    return lines.joined(separator: "\n")
  }

  private func table(of work: Work) -> [String] {
    let figures = results.figures(of: work)
    var lines = [TextTable.row(work.title, figures.map(\.rawValue))]
    for program in results.programs {
      let bound = results.isBoundByLoad(work, by: program)
      lines.append(
        TextTable.row(
          "  " + program,
          figures.map { figure in
            guard let value = results.figure(figure, of: work, by: program) else { return "" }
            let number = String(format: "%.\(figure.decimals)f", value)
            return number + (bound && figure.moreIsBetter ? "*" : " ")
          }))
    }
    return lines + results.verdicts(of: work).map(line)
  }

  private func line(_ verdict: Verdict) -> String {
    let figure = verdict.target.figure
    let head = "  \(verdict.isMet ? "met   " : "MISSED") \(figure.rawValue): "
    guard let ratio = verdict.ratio, let rival = verdict.rival else {
      return head + String(format: "%.\(figure.decimals)f", verdict.ours) + ", wanted \(verdict.target.text)"
    }
    let untuned = verdict.untunedRatio.map { String(format: " (%.2f of the best untuned)", $0) } ?? ""
    return head + String(format: "%.2f of %@'s", ratio, rival.name) + ", wanted \(verdict.target.text)" + untuned
  }

  private func growth(_ check: GrowthCheck) -> [String] {
    var lines = [check.title]
    for figure in check.figures {
      let verdict = figure.isMet ? "met   " : "MISSED"
      let values = String(format: "%.\(figure.decimals)f, %.\(figure.decimals)f", figure.before, figure.after)
      lines.append(
        "  \(verdict) \(figure.name): \(values): " + String(format: "%.2f times", figure.ratio)
          + ", wanted \(figure.wanted)")
    }
    return lines + check.remarks.map { "  " + $0 }
  }
}

/// Lines of 100 columns.
enum TextTable {
  static func row(_ head: String, _ cells: [String]) -> String {
    let padded = cells.map { String(repeating: " ", count: max(1, 19 - $0.count)) + $0 }
    let width = 100 - 19 * cells.count
    if head.count > width - 1 { return ([head, "\n", pad("", width)] + padded).joined() }
    return ([pad(head, width)] + padded).joined()
  }

  private static func pad(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(0, width - text.count))
  }
}
