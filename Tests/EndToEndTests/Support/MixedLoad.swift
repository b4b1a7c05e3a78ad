import Foundation
import Synchronization

/// One client of every kind at once, so that together they make every system call of the relay. Each knows what it is to get.
struct MixedLoad {
  enum Kind: CaseIterable {
    /// Much in both directions, over TCP and over a Unix socket, to a client that has little room.
    case bulk, bulkFromUnix
    /// The ClientHello comes in parts, and is long.
    case splitHello
    /// The backend gets a PROXY header before all else.
    case header
    /// The name is a user's, or what only root could give them.
    case delegated
    /// Its connection is given to the backend, and the ClientHello comes in parts.
    case handedOver
    /// Its name is not there.
    case unknown
    /// The backend closes with bytes of the client unread.
    case resetByBackend
  }

  enum Outcome: Hashable {
    case asWithoutFault
    case refused(UInt8)
    /// Closed or reset, after nothing but what was right.
    case cut
  }

  private let internet: Address
  private let unix: Address

  /// Makes the entries that they ask for.
  init(_ hosts: HostsDirectory, internet: Address, unix: Address) throws {
    self.internet = internet
    self.unix = unix
    try hosts.addBackend("echo.test").echo()
    let linked = Scratch.current.file("linked")
    try Listener(.unix(linked)).echo()
    try link(hosts.add("header.test", flags: .v1).socket, to: linked)
    let home = HostsDirectory(path: try Scratch.current.directory("home"))
    try home.addBackend("site").echo()
    try link("\(hosts.path)/user.test", to: "\(home.path)/site")
    for path in ["\(home.path)/site", "\(home.path)/site/tls-socket", "\(hosts.path)/user.test"] {
      // Only root can.
      _ = unsafe lchown(path, 4321, 4321)
    }
    try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: "\(home.path)/site/tls-socket")
    try Receiver(in: hosts.add("handed.test").path).serve { try $0.connection.echo() }
    try hosts.addBackend("reset.test").serve { backend in
      try backend.awaitBytes()
      try backend.send(Self.lastWords)
    }
  }

  /// Comes, and gives what became of everyone.
  func come() throws -> [Kind: Outcome] {
    let outcomes = Mutex<[Kind: Outcome]>([:])
    try Scratch.inParallel(Kind.allCases.count) { index in
      let kind = Kind.allCases[index]
      do {
        let outcome = try visit(kind)
        outcomes.withLock { $0[kind] = outcome }
      } catch { throw Failure("\(kind): \(error)") }
    }
    return outcomes.withLock { $0 }
  }

  private func visit(_ kind: Kind) throws -> Outcome {
    let client = try Connection(unattended: kind == .bulkFromUnix ? unix : internet)
    defer { client.close() }
    let payload = SeededBytes(seed: 1).bytes(at: 0, count: kind == .bulk || kind == .bulkFromUnix ? 700_000 : 5000)
    switch kind {
    case .bulk, .bulkFromUnix:
      client.shrinkBuffers()
      let sent = Hello("echo.test").bytes + payload
      return try outcome(Exchange(client, sent, expected: sent))
    case .splitHello:
      let sent = Hello("echo.test", padding: 6000).bytes + payload
      return try outcome(Exchange(client, sent, pauses: [100, 3000], expected: sent))
    case .header:
      let sent = Hello("header.test").bytes + payload
      let header = "PROXY TCP4 127.0.0.1 127.0.0.1 \(try client.port) \(internet.port)\r\n"
      return try outcome(Exchange(client, sent, expected: Array(header.utf8) + sent))
    case .delegated:
      let sent = Hello("user.test").bytes + payload
      return try outcome(Exchange(client, sent, expected: sent))
    case .handedOver:
      let sent = Hello("handed.test", padding: 3000).bytes + payload
      return try outcome(Exchange(client, sent, pauses: [100], expected: sent))
    case .unknown:
      return try outcome(Exchange(client, Hello("unknown.test").bytes, expected: Exchange.alert(112)))
    case .resetByBackend:
      return try outcome(Exchange(client, Hello("reset.test").bytes, expected: Self.lastWords, ending: .reset))
    }
  }

  private func outcome(_ exchange: consuming Exchange) throws -> Outcome { try exchange.outcome() }

  private static let lastWords = SeededBytes(seed: 2).bytes(at: 0, count: 3000)
}

/// A client that sends and receives at the same time, to the end.
private struct Exchange {
  private let client: Connection
  private var rest: ArraySlice<UInt8>
  private let expected: [UInt8]
  private let expectedEnding: Connection.Ending
  /// Where it pauses a little, so that what came before is looked at by itself.
  private var pauses: [Int]
  private var received: [UInt8] = []

  init(
    _ client: Connection, _ sent: [UInt8], pauses: [Int] = [], expected: [UInt8], ending: Connection.Ending = .finished
  ) {
    self.client = client
    rest = sent[...]
    self.pauses = pauses
    self.expected = expected
    expectedEnding = ending
  }

  static func alert(_ number: UInt8) -> [UInt8] { [21, 3, 3, 0, 2, 2, number] }

  mutating func outcome() throws -> MixedLoad.Outcome {
    let ending = try awaitEnd()
    if received == expected, ending == expectedEnding { return .asWithoutFault }
    if received.count == 7, let number = received.last, received == Self.alert(number), ending == .finished {
      return .refused(number)
    }
    guard expected.starts(with: received) else { throw Failure("wrong bytes among the first \(received.count)") }
    return .cut
  }

  private mutating func awaitEnd() throws -> Connection.Ending {
    let alarm = Alarm(in: patience)
    while alarm.remaining > 0 {
      try sendSome()
      switch try client.receiveSome(20_000) {
      case .bytes(let bytes): received += bytes
      case .ended(let ending): return ending
      case nil: try client.awaitChange(orRoom: !rest.isEmpty)
      }
    }
    throw Failure("no end after \(received.count) of \(expected.count) bytes, with \(rest.count) still to be sent")
  }

  private mutating func sendSome() throws {
    guard !rest.isEmpty else { return }
    let end = min(pauses.first ?? .max, rest.startIndex + 50_000, rest.endIndex)
    // It fails where the peer is gone. What that sent before is still to be received.
    do { rest = rest.dropFirst(try client.sendSome(rest[..<end]) ?? 0) } catch { rest = [] }
    if rest.startIndex == pauses.first {
      pauses.removeFirst()
      // What is looked at stays in the kernel, so nothing shows it from outside.
      usleep(20_000)
    }
    if rest.isEmpty { client.finishSending() }
  }
}

extension Connection {
  /// Gives both directions little room in the kernel.
  fileprivate func shrinkBuffers() {
    for option in [SO_SNDBUF, SO_RCVBUF] {
      var size: Int32 = 60_000
      _ = unsafe setsockopt(descriptor, SOL_SOCKET, option, &size, socklen_t(MemoryLayout<Int32>.size))
    }
  }

  fileprivate func awaitChange(orRoom: Bool) throws {
    var entry = pollfd(fd: descriptor, events: Int16(orRoom ? POLLIN | POLLOUT : POLLIN), revents: 0)
    _ = unsafe poll(&entry, 1, 1000)
  }
}
