import ArgumentParser
import Foundation

/// The results of a run once more.
struct ReportCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "report",
    abstract: "Prints, draws or tabulates what `run --json` has written.")

  @Argument(help: "The file that it has written.")
  var json: String

  @OptionGroup var pictures: Pictures

  func run() throws {
    let results = try JSONDecoder().decode(Results.self, from: Data(contentsOf: URL(filePath: json)))
    print(TextReport(results: results).text)
    try pictures.write(results)
  }
}

/// What else is made of results.
struct Pictures: ParsableArguments {
  @Option(help: "Write a chart here, as SVG.")
  var chart: String?

  @Option(help: "Write a table of the ratios here, as Markdown.")
  var markdown: String?

  func write(_ results: Results) throws {
    if let chart { try Chart(results: results).svg.write(toFile: chart, atomically: true, encoding: .utf8) }
    if let markdown {
      try MarkdownReport(results: results).text.write(toFile: markdown, atomically: true, encoding: .utf8)
    }
  }
}
