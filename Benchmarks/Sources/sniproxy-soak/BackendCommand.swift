import ArgumentParser
import CBench
import Foundation
import Load
import Synchronization

/// A backend in a process of its own, so that it can be killed. It checks every byte of every session and does what each
/// client asks for. What is wrong is a line of its output, and an exit status that is not 0.
struct BackendCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "backend", abstract: "A backend of the soak, which starts it.", shouldDisplay: false)

  @Option(help: "The Unix socket to listen at. What is there is replaced.")
  var socket: String

  @Option(help: "The only server name it is asked for.")
  var name: String

  @Option(help: "The PROXY header it expects: none, v1 or v2.")
  var header: Header

  enum Header: String, ExpressibleByArgument { case none, v1, v2 }

  func run() throws {
    bench_raise_descriptor_limit()
    let listener = try listen()
    defer { close(listener) }
    let state = State()
    while bench_interrupted() == 0 {
      var entry = pollfd(fd: listener, events: Int16(POLLIN), revents: 0)
      guard poll(&entry, 1, 100) > 0 else { continue }
      let accepted = bench_accept(listener)
      guard accepted >= 0 else { continue }
      state.begin()
      Thread.detachNewThread {
        defer { state.end() }
        let served = Served(Stream(owning: accepted), name, header)
        do throws(Ending) { try served.run() } catch { if !served.isAllowed(error) { state.complain(served, error) } }
      }
    }
    let open = state.waitForEnd()
    if open > 0 { print("\(open) sessions did not end") }
    Foundation.exit(open == 0 && state.faults == 0 ? 0 : 1)
  }

  /// Takes the place of what was there in one moment.
  private func listen() throws(Failure) -> Int32 {
    let descriptor = bench_socket(AF_UNIX)
    guard bench_listen_unix(descriptor, "\(socket).new", 4096) == 0, rename("\(socket).new", socket) == 0 else {
      throw Failure("\(socket): \(String(cString: strerror(errno)))")
    }
    return descriptor
  }

  private final class State: Sendable {
    private let counts = Mutex((open: 0, faults: 0))

    var faults: Int { counts.withLock { $0.faults } }

    func begin() { counts.withLock { $0.open += 1 } }
    func end() { counts.withLock { $0.open -= 1 } }

    func complain(_ session: Served, _ ending: Ending) {
      counts.withLock { $0.faults += 1 }
      print("\(session): \(ending)")
    }

    /// How many are still open after two seconds.
    func waitForEnd() -> Int {
      for _ in 0..<200 {
        if counts.withLock({ $0.open }) == 0 { return 0 }
        usleep(10_000)
      }
      return counts.withLock { $0.open }
    }
  }
}

/// One session at the backend.
private final class Served: CustomStringConvertible {
  private let stream: Stream
  private let name: String
  private let header: BackendCommand.Header
  private var request: Request?

  init(_ stream: Stream, _ name: String, _ header: BackendCommand.Header) {
    self.stream = stream
    self.name = name
    self.header = header
  }

  var description: String {
    guard let request else { return "\(name), before the request" }
    return "\(name), session \(request.number), \(request.plan), \(request.up) up, \(request.down) down"
  }

  /// A client that leaves before it has said what it wants, or has said that it may, has done nothing wrong.
  func isAllowed(_ ending: Ending) -> Bool {
    switch ending {
    case .ended, .reset: request?.mayBeCut ?? true
    case .stalled, .unheard, .refused, .wrong, .failed: false
    }
  }

  func run() throws(Ending) {
    let told = try readHeader()
    let start = try stream.receive(5)
    let hello = start + (try stream.receive(Int(start[3]) << 8 | Int(start[4])))
    guard let request = Request(try stream.receive(Request.size)) else { throw .wrong("no request after the hello") }
    self.request = request
    guard sum(of: hello) == request.helloSum else { throw .wrong("the hello of \(hello.count) bytes is another one") }
    let expected = Expected(request.client, name)
    guard told == expected.header(header) else {
      throw .wrong("the header is \(told), and should be \(expected.header(header))")
    }
    try serve(request)
  }

  private func serve(_ request: Request) throws(Ending) {
    let (up, down) = (request.upContent, request.downContent)
    switch request.plan {
    case .both:
      try stream.exchange(sending: down, receiving: up)
      if request.halfCloses { try stream.expectEnd() }
    case .answerAfterEnd:
      try stream.exchange(receiving: up)
      try stream.expectEnd()
      try stream.exchange(sending: down)
    case .uploadAfterEnd:
      try stream.exchange(sending: down, halfClosing: true)
      try stream.exchange(receiving: up)
      return try stream.expectEnd()
    case .pingPong:
      for offset in stride(from: 0, to: up.count, by: Int(Request.messageSize)) {
        try stream.exchange(receiving: up.part(after: offset, Request.messageSize))
        try stream.exchange(sending: down.part(after: offset, Request.messageSize))
      }
    }
    try stream.send(request.receipt)
  }

  /// The PROXY header's bytes, by the grammar of its version.
  private func readHeader() throws(Ending) -> [UInt8] {
    switch header {
    case .none: return []
    case .v1:
      var line: [UInt8] = []
      while !line.hasSuffix([13, 10]), line.count < 107 { line += try stream.receive(1) }
      return line
    case .v2:
      let start = try stream.receive(16)
      return start + (try stream.receive(Int(start[14]) << 8 | Int(start[15])))
    }
  }
}

/// What the PROXY header must say.
private struct Expected {
  let client: Request.Place
  let name: String

  init(_ client: Request.Place, _ name: String) {
    self.client = client
    self.name = name
  }

  func header(_ version: BackendCommand.Header) -> [UInt8] {
    switch (version, client) {
    case (.none, _): return []
    case (.v1, .unix): return Array("PROXY UNKNOWN\r\n".utf8)
    case (.v1, .ip4(let address, let port, let server)):
      let dotted = stride(from: 24, through: 0, by: -8).map { "\(address >> UInt32($0) & 255)" }.joined(separator: ".")
      return Array("PROXY TCP4 \(dotted) 127.0.0.1 \(port) \(server)\r\n".utf8)
    case (.v2, .unix): return version2(family: 0, addresses: [])
    case (.v2, .ip4(let address, let port, let server)):
      let source = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: address >> $0) }
      let ports = [port >> 8, port, server >> 8, server].map { UInt8(truncatingIfNeeded: $0) }
      return version2(family: 0x11, addresses: source + [127, 0, 0, 1] + ports)
    }
  }

  /// The only TLV is the server name (PP2_TYPE_AUTHORITY): the hellos of the soak offer more than one protocol, or none.
  private func version2(family: UInt8, addresses: [UInt8]) -> [UInt8] {
    let tlv = [2, 0, UInt8(name.utf8.count)] + Array(name.utf8)
    let signature: [UInt8] = [13, 10, 13, 10, 0, 13, 10, 81, 85, 73, 84, 10]
    return signature + [0x21, family, 0, UInt8(addresses.count + tlv.count)] + addresses + tlv
  }
}

extension [UInt8] {
  fileprivate func hasSuffix(_ end: [UInt8]) -> Bool { suffix(end.count).elementsEqual(end) }
}
