import Foundation
import Testing

/// The ways in which a client reaches sniproxy.
enum Transport: String, CaseIterable, CustomTestStringConvertible {
  case ip4, ip6, unix

  var isInternet: Bool { self != .unix }

  /// The value of `--listen`.
  var listen: String {
    switch self {
    case .ip4: "127.0.0.1:0"
    case .ip6: "[::1]:0"
    case .unix: "unix:\(Scratch.current.file("listener"))"
    }
  }

  var testDescription: String { rawValue }
}

/// sniproxy in front of one raw backend, which leaves every connection to the test.
struct Passage {
  let proxy: Proxy
  let backend: Listener

  /// - Parameter user: whom sniproxy becomes; only root can say so
  init(_ transport: Transport = .ip4, options: [String] = [], user: UInt32? = nil) throws {
    let hosts = try HostsDirectory()
    backend = try hosts.addBackend("test.test")
    var options = options
    if let user {
      options += ["--user", "\(user)"]
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o777], ofItemAtPath: "\(hosts.path)/test.test/tls-socket")
    }
    proxy = try Proxy(hosts, options: options, listen: [transport.listen])
  }

  /// Both ends of a new connection, at rest after the backend has read the hello, or before it has read anything.
  func connect(readingHello: Bool = true) throws -> (client: Connection, backend: Connection) {
    let client = try proxy.connect(Self.hello)
    let accepted = try backend.accept()
    if readingHello { try Self.expectHello(at: accepted) } else { try accepted.awaitBytes() }
    return (client, accepted)
  }

  static let hello = Hello("test.test")

  private static func expectHello(at backend: Connection) throws {
    let received = try backend.receive(hello.bytes.count)
    guard received == hello.bytes else { throw Failure("the hello arrived changed: \(received)") }
  }
}

extension Connection {
  /// A client that has sent its hello.
  convenience init(to address: Address, sending hello: Hello) throws {
    try self.init(to: address)
    try send(hello.bytes)
  }

  /// Waits until there is something to receive, be it the end, and leaves it there.
  func awaitBytes(within seconds: Double = patience) throws {
    guard try hasBytes(within: seconds) else { throw Failure("waited \(seconds) s in vain for something to receive") }
  }

  /// Whether there is something to receive, be it the end, after this time at most.
  func hasBytes(within seconds: Double = 0) throws -> Bool { try isReady(POLLIN, within: seconds) }

  /// Whether there is room to send, after this time at most.
  func hasRoom(within seconds: Double = 0) throws -> Bool { try isReady(POLLOUT, within: seconds) }

  private func isReady(_ events: Int32, within seconds: Double) throws -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    let alarm = Alarm(in: seconds)
    repeat {
      let count = unsafe poll(&entry, 1, alarm.milliseconds)
      if count > 0 { return true }
      guard count == 0 || errno == EINTR else { throw Failure("cannot poll: \(lastError)") }
    } while alarm.remaining > 0
    return false
  }

  /// For a process that gets the socket.
  func beBlocking() { _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL, 0) & ~O_NONBLOCK) }

  func beNonBlocking() { _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL, 0) | O_NONBLOCK) }
}

extension Listener {
  /// Gives those who connect as little room in the kernel as can be for what they send.
  func shrinkReceiveBuffer() { shrinkReceiveBufferOf(descriptor) }
}

extension Connection {
  /// Leaves as little room in the kernel as can be for what it is sent.
  func shrinkReceiveBuffer() { shrinkReceiveBufferOf(descriptor) }
}

private func shrinkReceiveBufferOf(_ descriptor: Int32) {
  var size: Int32 = 1
  _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
}
