import ArgumentParser
import Foundation
import Load

/// The whole comparison.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Compares sniproxy with other programs, and sees how its cost grows.",
    discussion: """
      Each program has one worker, pinned to one core. The load, clients and backend in one thread, is on another core.
      It is to be started in the project's directory, or with the options that say where things are.
      """)

  @Flag(help: "One short round, to see that all is well. Its figures say little.")
  var quick = false

  @Option(help: "How many rounds.")
  var rounds: Int?

  @Option(
    parsing: .upToNextOption, help: "Only these works, of \(Work.allCases.map(\.rawValue).joined(separator: ", ")).")
  var only: [Work] = []

  @Option(parsing: .upToNextOption, help: "Only these programs, of \(Program.all.map(\.name).joined(separator: ", ")).")
  var programs: [String] = []

  @Flag(help: "Leave out how the cost grows.")
  var withoutGrowth = false

  @Option(help: "Write all measurements here, as JSON.")
  var json: String?

  @OptionGroup var pictures: Pictures

  @Option(help: "What the chart says it was made with.")
  var command: String = "sniproxy-bench run"

  @OptionGroup var places: Places

  func run() throws {
    let competitors = programs.isEmpty ? Program.all : Program.all.filter { programs.contains($0.name) }
    guard programs.allSatisfy({ name in competitors.contains { $0.name == name } }) else {
      throw ValidationError("an unknown program is among \(programs.joined(separator: ", "))")
    }
    let found = places.programs
    let versions = try competitors.reduce(into: [Results.Version]()) { versions, program in
      versions.append(.init(program: program.name, version: try found.version(of: program.kind)))
    }
    let results = try measure(competitors, found, versions)
    print(TextReport(results: results).text)
    if let json {
      let encoder = JSONEncoder()
      encoder.outputFormatting = [.prettyPrinted, .sortedKeys]
      try encoder.encode(results).write(to: URL(filePath: json))
    }
    try pictures.write(results)
  }

  private func measure(_ competitors: [Program], _ found: Programs, _ versions: [Results.Version]) throws -> Results {
    let bench = try Bench(corpus: places.corpus, repeating: quick ? 10 : 60)
    defer { bench.scratch.remove() }
    let rounds = rounds ?? (quick ? 1 : 9)
    let scale = quick ? Scale.quick : .full
    let comparison = Comparison(
      bench: bench, programs: found, competitors: competitors, works: only.isEmpty ? Work.allCases : only, scale: scale,
      rounds: rounds, progress: say)
    let measurements = try comparison.run()
    let growth =
      withoutGrowth || !competitors.contains(.ours)
      ? [] : try Growth(bench: bench, programs: found, scale: scale, rounds: rounds, progress: say).run()
    let day = Date.now.formatted(.iso8601.year().month().day())
    return Results(
      date: day, command: command, kernel: Machine.kernel, processor: Machine.processor, versions: versions,
      rounds: (measurements.map(\.round).max() ?? 0) + 1, measurements: measurements, growth: growth)
  }

  private func say(_ progress: String) {
    print(progress)
  }
}

extension Work: ExpressibleByArgument {}

/// Where the programs and what they need are.
struct Places: ParsableArguments {
  @Option(help: "The program to measure.")
  var sniproxy: String = ".build/release/sniproxy"

  @Option(help: "HAProxy.")
  var haproxy: String = "/usr/sbin/haproxy"

  @Option(help: "nginx with its stream module.")
  var nginx: String = "/usr/sbin/nginx"

  @Option(help: "sniproxy 0.6, as Debian has it.")
  var sniproxy06: String = "/usr/sbin/sniproxy"

  @Option(help: "The templates of the peers' configurations.")
  var peers: String = "Benchmarks/peers"

  @Option(help: "The captured hellos.")
  var corpus: String = defaultCorpus

  var programs: Programs {
    Programs(ours: sniproxy, haproxy: haproxy, nginx: nginx, sniproxy06: sniproxy06, templates: peers)
  }
}
