import ArgumentParser
import Foundation
import Load

/// What clients that are handed over gain.
struct HandoffCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "handoff",
    abstract: "Compares clients that are handed over with direct and with relayed ones.",
    discussion: """
      An unmodified nginx serves TLS clients, which come directly, handed over by the proxy, and relayed by it. nginx and
      the proxy have one core, with a worker each; the clients, in one thread, another one.
      """)

  @Flag(help: "One short round, to see that all is well. Its figures say little.")
  var quick = false

  @Option(help: "How many rounds.")
  var rounds: Int?

  @Option(
    parsing: .upToNextOption,
    help: "Only these works, of \(HandoffWork.allCases.map(\.rawValue).joined(separator: ", ")).")
  var only: [HandoffWork] = []

  @Option(help: "Write all measurements here, as JSON.")
  var json: String?

  @Option(help: "Write a table of the ratios here, as Markdown.")
  var markdown: String?

  @Option(help: "What the results say they were made with.")
  var command: String = "sniproxy-bench handoff"

  @Option(help: "The program that runs a server on clients that are handed over; by default beside sniproxy.")
  var listen: String?

  @OptionGroup var places: Places

  func run() throws {
    let results = try measure()
    let report = HandoffReport(results: results)
    print(report.text)
    if let json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try encoder.encode(results).write(to: URL(filePath: json))
    }
    try markdown.map { try report.markdown.write(toFile: $0, atomically: true, encoding: .utf8) }
  }

  private func measure() throws -> HandoffResults {
    let version = try places.programs.version(of: .nginx)
    let bench = try Bench(corpus: places.corpus, repeating: quick ? 5 : 40)
    defer { bench.scratch.remove() }
    let listen =
      listen ?? URL(filePath: places.sniproxy).deletingLastPathComponent().appending(path: "sniproxy-listen").path
    let server = try NginxServer(places.nginx, listen: listen, templates: places.peers, bench: bench)
    defer { server.stop() }
    let measurements = try HandoffComparison(
      bench: bench, programs: places.programs, server: server, works: only.isEmpty ? HandoffWork.allCases : only,
      scale: quick ? .quick : .full, rounds: rounds ?? (quick ? 1 : 15), progress: { print($0) }
    ).run()
    return HandoffResults(
      date: Date.now.formatted(.iso8601.year().month().day()), command: command, kernel: Machine.kernel,
      processor: Machine.processor, nginx: version, rounds: (measurements.map(\.round).max() ?? 0) + 1,
      measurements: measurements)
  }
}

extension HandoffWork: ExpressibleByArgument {}
