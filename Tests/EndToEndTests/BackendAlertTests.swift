import Foundation
import Testing

/// What a client gets whose backend cannot be reached.
@Suite(.scratch)
struct BackendAlertTests {
  @Test(arguments: Transport.allCases)
  func `each way to miss the backend gets its alert`(over transport: Transport) throws {
    let hosts = try HostsDirectory()
    try Self.prepare(hosts)
    try Self.expectAlerts(Self.rows, try Proxy(hosts, options: ["--connect-timeout", "1"], listen: [transport.listen]))
  }

  @Test(.requiresRoot, arguments: Transport.allCases)
  func `without permission the name is unknown`(over transport: Transport) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("directory.test").answer("reached")
    try hosts.addBackend("socket.test").answer("reached")
    try hosts.addBackend("allowed.test").answer("reached")
    unsafe chmod("\(hosts.path)/directory.test", 0o700)
    unsafe chmod("\(hosts.path)/socket.test/tls-socket", 0o600)
    unsafe chmod("\(hosts.path)/allowed.test", 0o711)
    unsafe chmod("\(hosts.path)/allowed.test/tls-socket", 0o622)
    let proxy = try Proxy(hosts, options: ["--user", "nobody"], listen: [transport.listen])
    try Self.expectAlerts([("directory.test", 112), ("socket.test", 112)], proxy)
    #expect(try proxy.ask("allowed.test") == "reached")
  }

  /// It is waited for, up to the connect timeout, and served when there is room in time.
  @Test func `a full backlog is waited for`() throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("full.test", backlog: 0)
    let waiting = try Connection.fillBacklog(of: "\(hosts.path)/full.test/tls-socket")
    let proxy = try Proxy(hosts, "--connect-timeout", "60")
    let client = try proxy.connect(Hello("full.test"))
    #expect(try !client.hasBytes(within: 0.5))
    for _ in waiting { _ = try backend.accept() }
    let accepted = try backend.accept()
    #expect(try accepted.receive(Hello("full.test").bytes.count) == Hello("full.test").bytes)
    try accepted.send("answer")
    #expect(try client.receive(6) == Array("answer".utf8))
  }

  private static let rows: [(name: String, alert: UInt8)] = [
    ("missing.test", 112), ("file.test", 112), ("dangling.test", 112), ("empty.test", 112),
    ("dangling-socket.test", 112), ("nobody.test", 80), ("regular.test", 80), ("directory.test", 80),
    ("datagram.test", 80), ("full.test", 80), ("loop.test", 80), ("socket-loop.test", 80),
  ]

  private static func prepare(_ hosts: HostsDirectory) throws {
    let manager = FileManager.default
    _ = manager.createFile(atPath: "\(hosts.path)/file.test", contents: nil)
    try link("\(hosts.path)/dangling.test", to: "nowhere")
    try link("\(hosts.path)/loop.test", to: "loop.test")
    for name in ["empty", "dangling-socket", "regular", "directory", "datagram", "socket-loop"] {
      try hosts.add("\(name).test")
    }
    try link("\(hosts.path)/dangling-socket.test/tls-socket", to: "nowhere")
    try link("\(hosts.path)/socket-loop.test/tls-socket", to: "tls-socket")
    try hosts.addBackend("nobody.test").close()
    _ = manager.createFile(atPath: "\(hosts.path)/regular.test/tls-socket", contents: nil)
    try manager.createDirectory(atPath: "\(hosts.path)/directory.test/tls-socket", withIntermediateDirectories: false)
    try bindDatagramSocket("\(hosts.path)/datagram.test/tls-socket")
    _ = try hosts.addBackend("full.test", backlog: 0)
    _ = try Connection.fillBacklog(of: "\(hosts.path)/full.test/tls-socket")
  }

  private static func bindDatagramSocket(_ path: String) throws {
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard try Address.unix(path).bind(descriptor) == 0 else { throw Failure("cannot bind \(path): \(lastError)") }
    Scratch.current.atEnd { close(descriptor) }
  }

  /// Each row twice at once: for a client that sends its hello alone, and for one that sends a megabyte more before it
  /// reads.
  private static func expectAlerts(_ rows: [(name: String, alert: UInt8)], _ proxy: Proxy) throws {
    let more = SeededBytes(seed: 1).bytes(at: 0, count: 1 << 20)
    let address = proxy.addresses[0]
    try Scratch.inParallel(2 * rows.count) { index in
      let (name, alert) = rows[index / 2]
      do {
        let client = try Connection(to: address, sending: Hello(name))
        if index % 2 == 1 { try client.send(more) }
        let received = try client.receiveAlert()
        #expect(received == alert, "\(name)")
      } catch {
        throw Failure("\(name): \(error)")
      }
    }
  }
}

extension Connection {
  /// Takes all the room that a Unix socket has for connections that nobody accepts.
  static func fillBacklog(of socketPath: String, type: __socket_type = SOCK_STREAM) throws -> [Connection] {
    var waiting: [Connection] = []
    while true {
      let descriptor = socket(AF_UNIX, Int32(type.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
      guard descriptor >= 0 else { throw Failure("no socket: \(lastError)") }
      let connection = Connection(owning: descriptor)
      Scratch.current.atEnd { connection.close() }
      guard try Address.unix(socketPath).connect(descriptor) == 0 else {
        guard errno == EAGAIN else { throw Failure("cannot connect to \(socketPath): \(lastError)") }
        connection.close()
        return waiting
      }
      waiting.append(connection)
    }
  }
}
