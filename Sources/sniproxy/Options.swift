import ArgumentParser
import Kernel
import Wire

/// The command line.
struct Options: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sniproxy",
    abstract: "Route TLS connections by server name to Unix sockets.",
    usage: "sniproxy [--listen ADDRESS ...] [--hosts DIR] [OPTION ...]",
    discussion: """
      Reads the server name from each client's ClientHello, looks it up as a \
      directory in the hosts directory, and relays the untouched bytes to the \
      Unix socket `tls-socket` in it. Where there is `tls-handoff`, it gives the \
      connection itself to the backend that listens on that.

      Listening sockets come from --listen, else from the service manager, else \
      from standard input.

      Exit status: 0 success; 100 wrong usage; 111 a system call failed.
      """,
    version: "sniproxy \(version)")

  @Option(
    help: ArgumentHelp(
      "Listen here (repeatable): 127.0.0.1:8443, [::1]:8443, :8443, 8443 or unix:PATH.", valueName: "address"))
  var listen: [ListenAddress] = []

  @Option(help: ArgumentHelp("The hosts directory.", valueName: "dir"), completion: .directory)
  var hosts = "."

  @Flag(help: "Host directories are named by the SHA-256 of the name.")
  var hashed = false

  @Option(help: ArgumentHelp("Event-loop threads (default: processors it may run on).", valueName: "n"))
  var workers: Int?

  @Option(help: ArgumentHelp("From accept to a complete ClientHello.", valueName: "seconds"))
  var helloTimeout = Seconds(10)

  @Option(help: ArgumentHelp("To reach the backend.", valueName: "seconds"))
  var connectTimeout = Seconds(10)

  @Option(help: ArgumentHelp("How long a graceful stop waits for open connections.", valueName: "seconds"))
  var drainTimeout = Seconds(10)

  @Option(
    help: ArgumentHelp("Pause accepting at so many (default: from the descriptor limit).", valueName: "n"))
  var maxConnections: Int?

  @Option(
    help: ArgumentHelp(
      "Connections of one IPv4 address or IPv6 /64 at once (default: any number).", valueName: "n"))
  var maxPerClient: Int?

  @Option(help: ArgumentHelp("Connections of one host directory at once (default: any number).", valueName: "n"))
  var maxPerHost: Int?

  @Option(help: ArgumentHelp("Stop after so long without a connection (default: off).", valueName: "seconds"))
  var idleExit: Seconds?

  @Flag(help: "Log one line per finished connection.")
  var accessLog = false

  @Flag(help: "Tell the JA4 fingerprint of the ClientHello in it.")
  var logFingerprint = false

  @Option(
    help: ArgumentHelp(
      "Keep counters in this file, for sniproxy-status (default: off).", valueName: "file"),
    completion: .file())
  var status: String?

  @Flag(help: "Let users lead their names to sockets that are not theirs.")
  var anySocketOwner = false

  @Option(
    help: ArgumentHelp("Become this user (NAME or UID[:GID]) once the sockets are open.", valueName: "user"),
    completion: .shellCommand("getent passwd | cut -d\\: -f 1"))
  var user: String?

  func validate() throws {
    for (option, time) in [
      ("--hello-timeout", helloTimeout), ("--connect-timeout", connectTimeout), ("--idle-exit", idleExit),
    ] where time?.nanoseconds == 0 {
      throw ValidationError("\(option) 0: give a time of more than 0 seconds")
    }
    if logFingerprint, !accessLog {
      throw ValidationError("--log-fingerprint: the fingerprint is part of the access log: give --access-log too")
    }
    if let workers, !(1...1024).contains(workers) {
      throw ValidationError("--workers \(workers): give a number from 1 to 1024")
    }
    for (option, number) in [
      ("--max-connections", maxConnections), ("--max-per-client", maxPerClient), ("--max-per-host", maxPerHost),
    ] {
      if let number, number < 1 { throw ValidationError("\(option) \(number): give a number of 1 or more") }
    }
  }
}

/// A length of time as a person gives it: seconds, also with a fraction.
struct Seconds: ExpressibleByArgument, CustomStringConvertible {
  let nanoseconds: Int64

  init(_ seconds: Int64) { nanoseconds = seconds * 1_000_000_000 }

  init?(argument: String) {
    guard let seconds = Double(argument), seconds >= 0, seconds <= 1e9 else { return nil }
    nanoseconds = Int64((seconds * 1e9).rounded())
  }

  var description: String {
    nanoseconds % 1_000_000_000 == 0 ? "\(nanoseconds / 1_000_000_000)" : "\(Double(nanoseconds) / 1e9)"
  }
}

extension ListenAddress: ExpressibleByArgument {
  package init?(argument: String) { self.init(argument) }
}
