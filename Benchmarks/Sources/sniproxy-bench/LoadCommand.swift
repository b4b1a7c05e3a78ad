import ArgumentParser
import CBench
import Foundation
import Load

/// One load by hand, on a proxy that runs already.
struct LoadCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "load",
    abstract: "Puts one load on a proxy that runs already.",
    discussion: """
      Clients connect to the port and send captured ClientHellos that ask for shop-000000.bench.test (and on to the
      number of --names). The proxy must lead these names to the Unix socket at --backend, which this program opens.
      """)

  @Argument(help: "download, upload, pingpong, connections, burst or idle")
  var work: String

  @Option(help: "The proxy's port on 127.0.0.1.")
  var port: UInt16

  @Option(help: "Where the backend's Unix socket is made.")
  var backend: String

  @Option(name: .customLong("pid"), help: "A process of the proxy; may be repeated.")
  var processes: [Int32] = []

  @Option(help: "Sessions, or connections at a time.")
  var sessions: Int = 1

  @Option(help: "How many short connections.")
  var connections: Int = 12_000

  @Option(help: "How many names are asked for.")
  var names: Int = 1

  @Option(help: "How long streams and ping-pong are measured.")
  var seconds: Double = 1

  @Option(help: "How often.")
  var repeats: Int = 3

  @Option(help: "The core of this program.")
  var core: Int = 1

  @Flag(help: "Compare every byte of streams, which takes time.")
  var check = false

  @Option(help: "The captured hellos.")
  var corpus: String = defaultCorpus

  func run() throws {
    bench_raise_descriptor_limit()
    guard bench_pin(1 << UInt64(core)) == 0 else { throw ValidationError("no core \(core)") }
    let hellos = try Hellos(corpus: corpus, names: names)
    let route = Route(port: port, backend: try Backend(at: backend), hellos: hellos)
    for _ in 0..<repeats { print(try measure(route, Meter(processes: processes))) }
  }

  private func measure(_ route: Route, _ meter: Meter) throws -> String {
    switch work {
    case "download", "upload":
      let streams = Streams(work == "download" ? .download : .upload, sessions: sessions, checking: check)
      let result = try streams.run(over: route, meter: meter, warmUp: 0.2, seconds: seconds)
      let gigabytes = Double(result.bytes) / 1e9
      return String(
        format: "%.2f GB/s, %.3f CPU s/GB", gigabytes / result.usage.seconds, result.usage.proxy / gigabytes)
        + remarks(result.usage)
    case "pingpong":
      let result = try PingPong(sessions: sessions).run(over: route, meter: meter, warmUp: 0.2, seconds: seconds)
      return String(
        format: "%.0f exchanges/s, %.2f us CPU each, p50 %.0f us, p99 %.0f us",
        Double(result.exchanges) / result.usage.seconds, result.usage.proxy / Double(result.exchanges) * 1e6,
        result.latencies.percentile(0.5) * 1e6, result.latencies.percentile(0.99) * 1e6) + remarks(result.usage)
    case "connections", "burst":
      let total = work == "burst" ? sessions : connections
      let result = try Connections(total, atOnce: sessions, over: route).run(meter: meter)
      return String(
        format: "%.0f connections/s, %.2f us CPU each, p50 %.2f ms, p99 %.2f ms",
        Double(result.connections) / result.usage.seconds, result.usage.proxy / Double(result.connections) * 1e6,
        result.latencies.percentile(0.5) * 1e3, result.latencies.percentile(0.99) * 1e3) + remarks(result.usage)
    case "idle":
      return String(format: "%.0f bytes a session", try Idle(sessions: sessions).run(over: route, meter: meter))
    default:
      throw ValidationError("no such work: \(work)")
    }
  }

  private func remarks(_ usage: Usage) -> String {
    String(
      format: "; the proxy's core %.0f %%, the load's %.0f %%, others %.0f %%", usage.proxy / usage.seconds * 100,
      usage.loadShare * 100, usage.othersShare * 100)
  }
}
