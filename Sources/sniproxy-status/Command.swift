import ArgumentParser
import Glibc
import Kernel
import Status
import StatusReport
import Wire

struct Command: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sniproxy-status",
    abstract: "Show what a sniproxy is doing.",
    usage: "sniproxy-status [FILE] [OPTION ...]",
    discussion: """
      Reads the status file that `sniproxy --status FILE` keeps, without \
      disturbing it. Without options it watches for a second, and prints a table.

      Exit status: 0 it is serving; 1 it is not (starting, draining, ended, dead); \
      100 wrong usage, or a file that is no status file; 111 a system call failed \
      (there is no such file). With --watch and --serve, 0 after an ordinary end.
      """,
    version: "sniproxy-status \(version)")

  @Argument(help: ArgumentHelp("The status file.", valueName: "file"), completion: .file())
  var file = "/run/sniproxy/status"

  @Option(
    defaultAsFlag: Seconds(1),
    help: ArgumentHelp("Show it live in the terminal, until q is pressed.", valueName: "seconds"))
  var watch: Seconds?

  @Flag(help: "With a line for each worker.")
  var workers = false

  @Flag(help: "Print it as JSON.")
  var json = false

  @Flag(help: "Print it in Prometheus' text format.")
  var prometheus = false

  @Option(
    defaultAsFlag: ServeAddress.passed,
    help: ArgumentHelp(
      "Answer Prometheus over HTTP at 127.0.0.1:9843, [::1]:9843, unix:PATH, or at the socket that the service manager passes.",
      valueName: "address"))
  var serve: ServeAddress?

  func validate() throws {
    let given = [watch != nil, json, prometheus, serve != nil].count { $0 }
    guard given <= 1 else { throw ValidationError("give one of --watch, --json, --prometheus and --serve") }
    if case .illegible(let text) = serve {
      throw ValidationError(
        "--serve \(printable(text)): this is no address: give 127.0.0.1:9843, [::1]:9843, :9843 or unix:PATH, and the file "
          + "before --serve")
    }
    guard given == 0 || !workers else { throw ValidationError("--workers: it is for the table only") }
    if let watch, watch.nanoseconds < Seconds.shortest {
      throw ValidationError("--watch \(watch): give at least 0.1 seconds")
    }
  }

  /// The exit status.
  func run() throws(Failure) -> Int32 {
    let source = Source(path: file)
    if let watch {
      var view = Watch(source, every: watch.nanoseconds)
      try view.run()
      return ExitStatus.success
    }
    if let serve {
      try Serving(source, at: serve).run()
      return ExitStatus.success
    }
    return try print(source)
  }

  private func print(_ source: Source) throws(Failure) -> Int32 {
    var reading = try source.reading()
    if json {
      try write(reading.snapshot.json(file: file).description + "\n")
    } else if prometheus {
      try write(reading.snapshot.metrics.exposition)
    } else {
      let earlier = reading
      if reading.snapshot.isAlive {
        usleep(Self.moment)
        // It may have ended meanwhile, and its file may be away: what was there is worth telling then.
        if case .success(let later) = source.read() { reading = later }
      }
      try write(reading.table(since: earlier, now: wallClockNow(), file: file, byWorker: workers))
    }
    return reading.snapshot.condition == .serving ? ExitStatus.success : ExitStatus.notServing
  }

  /// What rates are of, in microseconds.
  private static let moment: UInt32 = 1_000_000
}

/// A length of time as a person gives it: seconds, also with a fraction.
struct Seconds: ExpressibleByArgument, CustomStringConvertible {
  let nanoseconds: Int64

  init(_ seconds: Int64) { nanoseconds = seconds * 1_000_000_000 }

  init?(argument: String) {
    guard let seconds = Double(argument), seconds >= 0, seconds <= 1e6 else { return nil }
    nanoseconds = Int64((seconds * 1e9).rounded())
  }

  var description: String {
    nanoseconds % 1_000_000_000 == 0 ? "\(nanoseconds / 1_000_000_000)" : "\(Double(nanoseconds) / 1e9)"
  }

  static let shortest: Int64 = 100_000_000
}

/// Where to answer HTTP.
enum ServeAddress: ExpressibleByArgument, CustomStringConvertible {
  case own(ListenAddress)
  /// At the sockets that the service manager passes.
  case passed
  /// What is no address.
  case illegible(String)

  /// Nil would mean to take the passed sockets, and the text for the file.
  init?(argument: String) {
    self = ListenAddress(argument).map { .own($0) } ?? .illegible(argument)
  }

  var description: String {
    switch self {
    case .own(let address): "\(address)"
    case .passed: "the passed socket"
    case .illegible(let text): text
    }
  }
}
