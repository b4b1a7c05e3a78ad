import Glibc
import Kernel
import Status
import StatusReport
import Wire

/// The exporter for Prometheus, until a signal ends it.
struct Serving {
  private let source: Source
  private let address: ServeAddress

  init(_ source: Source, at address: ServeAddress) {
    self.source = source
    self.address = address
  }

  func run() throws(Failure) {
    // What else whoever started it left open would take the room of clients.
    closeDescriptors(from: STDERR_FILENO + 1 + passedCount)
    let signals: Signals
    do throws(Errno) {
      // Before there are threads, which take over what is blocked.
      signals = try Signals([SIGINT, SIGTERM, SIGHUP])
    } catch {
      throw .system("cannot watch for signals: \(error)")
    }
    let listeners = try listeners()
    let room = try room(beside: listeners.count)
    let exporter: Exporter
    do {
      // The exporter closes the descriptors that it is given; a listener of our own removes its file at the end.
      let descriptors = try listeners.map { try Descriptor.duplicate($0.number) }
      exporter = try Exporter(descriptors, room: room) { [source] question in
        question.answer(metrics: { source.exposition }, page: { source.page })
      }
    } catch {
      throw .system("cannot serve at \(address): \(error)")
    }
    for listener in listeners { complain("serving \(printable(source.path)) at \(listener.name)") }
    var wait = pollfd(fd: signals.number, events: Int16(POLLIN), revents: 0)
    while signals.next() == nil { unsafe _ = poll(&wait, 1, -1) }
    exporter.stop()
    for listener in listeners { listener.removeFile() }
  }

  /// How many clients there are descriptors for.
  private func room(beside listeners: Int) throws(Failure) -> Int {
    let limit = try attempt("read", "the limit of open descriptors") { () throws(Errno) in try raiseDescriptorLimit() }
    return max(1, min(Self.mostClients, limit - Self.ownDescriptors - 2 * listeners))
  }

  private static let mostClients = 64
  /// Standard input to error, the signals, the event loop's, the status file, and clients that come before others have gone.
  private static let ownDescriptors = 16

  private func listeners() throws(Failure) -> [ListeningSocket] {
    switch address {
    case .own(let address):
      [try attempt("listen on", "\(address)") { () throws(Errno) in try ListeningSocket(address) }]
    case .passed: try passedListeners()
    case .illegible: preconditionFailure("the command line was not looked at")
    }
  }

  /// sd_listen_fds(3): `LISTEN_FDS` descriptors from 3 on, for the process that `LISTEN_PID` names.
  private var passedCount: Int32 {
    func number(_ name: String) -> Int32? { unsafe getenv(name).flatMap { unsafe Int32(String(cString: $0)) } }
    guard number("LISTEN_PID") == getpid(), let count = number("LISTEN_FDS"), (1...64).contains(count) else { return 0 }
    return count
  }

  private func passedListeners() throws(Failure) -> [ListeningSocket] {
    let count = passedCount
    guard count > 0 else {
      throw .usage(
        "--serve: the service manager passes no socket: give an address, such as --serve 127.0.0.1:9843, or start it by a "
          + "socket unit")
    }
    var listeners: [ListeningSocket] = []
    for descriptor in 3..<3 + count {
      guard ListeningSocket.isListening(descriptor) else {
        throw .usage(
          "descriptor \(descriptor) from the service manager is no listening stream socket: pass ListenStream= sockets with "
            + "Accept=no only")
      }
      listeners.append(
        try attempt("take over", "descriptor \(descriptor)") { () throws(Errno) in
          try ListeningSocket(adopting: descriptor)
        })
    }
    return listeners
  }
}

extension Source {
  /// For a file that cannot be read, `sniproxy_up 0`, with the reason as a comment.
  fileprivate var exposition: String {
    switch read() {
    case .success(let reading): reading.snapshot.metrics.exposition
    case .failure(let flaw):
      "# cannot read \(printable(path)): \(flaw)\n" + [MetricFamily].nothing.exposition
    }
  }

  fileprivate var page: String {
    let told =
      switch read() {
      case .success(let reading):
        "sniproxy \(reading.snapshot.program), process \(reading.snapshot.process): \(reading.snapshot.condition.rawValue)"
      case .failure(let flaw): "cannot read \(printable(path)): \(flaw)"
      }
    return """
      <!DOCTYPE html>
      <html lang="en">
      <meta charset="utf-8">
      <title>sniproxy-status</title>
      <h1>sniproxy-status \(version)</h1>
      <p>\(html(told))</p>
      <p><a href="/metrics">/metrics</a> is for Prometheus.</p>
      </html>

      """
  }
}

private func html(_ text: String) -> String {
  text.unicodeScalars.reduce(into: "") { result, scalar in
    switch scalar {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    default: result.unicodeScalars.append(scalar)
    }
  }
}

private func attempt<Result: ~Copyable>(
  _ verb: String, _ object: String, _ body: () throws(Errno) -> Result
) throws(Failure) -> Result {
  do throws(Errno) {
    return try body()
  } catch {
    throw .system("cannot \(verb) \(object): \(error)")
  }
}
