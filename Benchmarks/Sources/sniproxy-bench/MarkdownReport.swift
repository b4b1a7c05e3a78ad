import Foundation

/// The ratios as Markdown, for README.md.
struct MarkdownReport {
  let results: Results

  var text: String {
    let verdicts = results.works.flatMap { work in results.verdicts(of: work).map { row(work, $0) } }
    let growth = results.growth.flatMap { check in
      check.figures.map { "| \(check.title) | \($0.name) | \(number($0.ratio)) | \($0.wanted) |" }
    }
    let compared =
      [
        "| work | figure | sniproxy to the best | which is | to the best untuned | aim |",
        "|---|---|---|---|---|---|",
      ]
      + verdicts
    let grown = ["", "| how cost grows | figure | ratio | aim |", "|---|---|---|---|"] + growth
    return (compared + (growth.isEmpty ? [] : grown)).joined(separator: "\n") + "\n"
  }

  private func row(_ work: Work, _ verdict: Verdict) -> String {
    let figure = verdict.target.figure
    let ratio = verdict.ratio.map(number) ?? "\(number(verdict.ours)) \(figure.rawValue)"
    let bound = figure.moreIsBetter && results.isBoundByLoad(work, by: Program.ours.name) ? "\\*" : ""
    let cells = [
      work.title, figure.rawValue, ratio + bound, verdict.rival?.title ?? "", verdict.untunedRatio.map(number) ?? "",
      verdict.target.text,
    ]
    return "| " + cells.joined(separator: " | ") + " |"
  }

  private func number(_ value: Double) -> String {
    String(format: "%.2f", value)
  }
}
