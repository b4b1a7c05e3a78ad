import Glibc
import Testing

@testable import SNIHandoff

/// A receiver with real sockets. Root may hand over, and so may the user who runs the tests where they are named.
@Suite struct HandoffListenerTests {
  private let directory = TemporaryDirectory()
  private var path: String { "\(directory.path)/tls-handoff" }
  private let me = "\(getuid())"

  private func listener(mode: UInt32 = 0o666) throws -> HandoffListener {
    try HandoffListener(directory: directory.path, from: me, mode: mode)
  }

  @Test func `a client is handed over with its name, its protocol and both addresses`() throws {
    var listener = try listener()
    let connection = TCPConnection()
    let greeting = Array("hello".utf8)
    require(Int32(unsafe send(connection.client, greeting, 5, 0)))
    let sender = Sender(to: path)
    sender.send(HeaderTests.bytes(), [connection.server])
    let client = try listener.next()
    #expect(client.serverName == "Example.com")
    #expect(client.applicationProtocol == Array("h2".utf8))
    // The header's addresses are others: those of the socket count.
    #expect("\(client.client)" == TCPConnection.name(of: connection.client))
    #expect("\(client.local)" == TCPConnection.name(of: connection.server))
    #expect(client.client.host == "127.0.0.1")
    #expect(fcntl(client.descriptor, F_GETFD) == FD_CLOEXEC)
    #expect(fcntl(client.descriptor, F_GETFL) & O_NONBLOCK == 0)
    let number = client.takeDescriptor()
    var received = [UInt8](repeating: 0, count: 5)
    #expect(unsafe recv(number, &received, 5, 0) == 5 && received == greeting)
    #expect(countOpen(connection.server) == 2)
    close(number)
  }

  @Test func `no crowd of others keeps a call beyond its time`() throws {
    var listener = try listener()
    for _ in 0..<100 { _ = Sender(to: path) }
    let connection = TCPConnection()
    Sender(to: path).send(HeaderTests.bytes(), [connection.server])
    #expect(try isEmpty(&listener), "it gave up after a bounded number of them")
    #expect(try listener.next().serverName == "Example.com")
  }

  @Test func `a client that is not taken is closed`() throws {
    var listener = try listener()
    let connection = TCPConnection()
    Sender(to: path).send(HeaderTests.bytes(), [connection.server])
    do {
      let client = try listener.next()
      #expect(countOpen(connection.server) == 2)
      _ = consume client
    }
    #expect(countOpen(connection.server) == 1)
  }

  /// Each is refused, its descriptors are closed, and the next client comes.
  @Test func `wrong messages are refused, and the listener goes on`() throws {
    var listener = try listener()
    let connection = TCPConnection()
    let server = connection.server
    let unix = makeListener("\(directory.path)/other", SOCK_STREAM)
    let stream = require(socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0))
    require(Sender.connect(stream, "\(directory.path)/other"))
    let unconnected = require(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    let listening = require(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    require(listen(listening, 1))
    let datagrams = require(socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0))
    let file = require(unsafe creat("\(directory.path)/file", 0o644))
    let strange = [unix, stream, unconnected, listening, datagrams, file]
    defer { for number in strange { close(number) } }

    let header = HeaderTests.bytes()
    var wrong: [(Handoff.Refusal, [UInt8], [Int32])] = [
      (.noDescriptor, header, []), (.severalDescriptors(2), header, [server, server]),
      (.severalDescriptors(5), header, [server, server, server, server, server]),
      (.notAHeader, [1], [server]), (.notAHeader, [], [server]), (.wrongLength, header.dropLast(), [server]),
      (.noServerName, HeaderTests.bytes("a b"), [server]),
      (.cut, header + [UInt8](repeating: 0, count: 5000), [server]),
    ]
    for number in strange { wrong.append((.notAClient, header, [number])) }
    for (refusal, message, descriptors) in wrong {
      let sender = Sender(to: path)
      sender.send(message, descriptors)
      #expect(try refused(&listener) == refusal)
      for number in descriptors { #expect(countOpen(number) == 1, "\(refusal)") }

      let good = Sender(to: path)
      good.send(header, [server])
      #expect(try name(&listener) == "Example.com")
    }
  }

  @Test func `more descriptors than there is room for are refused`() throws {
    var listener = try listener()
    let connection = TCPConnection()
    let server = connection.server
    let sender = Sender(to: path)
    sender.send(HeaderTests.bytes(), [Int32](repeating: server, count: 250))
    #expect(try refused(&listener) == .severalDescriptors(124))
    #expect(countOpen(server) == 1)
  }

  @Test func `a silent peer holds nobody up, and is heard later`() throws {
    var listener = try listener()
    let silent = Sender(to: path)
    #expect(try isEmpty(&listener))
    let one = TCPConnection()
    let two = TCPConnection()
    let quick = Sender(to: path)
    quick.send(HeaderTests.bytes("quick.example"), [one.server])
    #expect(try name(&listener) == "quick.example")
    silent.send(HeaderTests.bytes("slow.example"), [two.server])
    var entry = pollfd(fd: listener.descriptor, events: Int16(POLLIN), revents: 0)
    #expect(unsafe poll(&entry, 1, 20_000) == 1)
    #expect(try name(&listener) == "slow.example")
  }

  @Test func `silent peers are few`() throws {
    var listener = try listener()
    var peers: [Int32] = []
    defer { for peer in peers { close(peer) } }
    for _ in 0..<200 {
      let peer = require(socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0))
      require(Sender.connect(peer, path))
      peers.append(peer)
    }
    // Each call takes some of them.
    for _ in 0..<4 { #expect(try isEmpty(&listener)) }
    // The oldest of them have been closed.
    var ended = 0
    for peer in peers {
      var byte: UInt8 = 0
      if unsafe recv(peer, &byte, 1, Int32(MSG_DONTWAIT)) == 0 { ended += 1 }
    }
    #expect(ended == 200 - 64)
    let connection = TCPConnection()
    Sender(to: path).send(HeaderTests.bytes(), [connection.server])
    #expect(try name(&listener) == "Example.com")
  }

  @Test func `a peer that only looks is no trouble`() throws {
    var listener = try listener()
    _ = Sender(to: path)
    #expect(try isEmpty(&listener))
  }

  @Test(.enabled(if: geteuid() == 0, "only root can be another user"))
  func `strangers are refused, and the named user is not`() throws {
    let connection = TCPConnection()
    require(unsafe chmod(directory.path, 0o755))
    for (named, user, expected): (String?, UInt32, Handoff.Refusal?) in [
      ("0", 12345, .stranger(user: 12345)), (nil, 12345, .stranger(user: 12345)), ("12345", 12345, nil),
      ("65534", 65534, .stranger(user: 65534)), ("root", 12345, .stranger(user: 12345)), ("nobody", 0, nil),
    ] {
      var listener = try HandoffListener(directory: directory.path, from: named)
      let sender = asUser(user) { Sender(to: path) }
      sender.send(HeaderTests.bytes(), [connection.server])
      if let expected {
        #expect(try refused(&listener) == expected)
        #expect(try isEmpty(&listener))
      } else {
        #expect(try name(&listener) == "Example.com")
      }
      #expect(countOpen(connection.server) == 1)
    }
  }

  @Test func `a user who does not exist is told`() {
    #expect(throws: HandoffError.noSuchUser("nobody.of.this.name")) {
      _ = try HandoffListener(directory: directory.path, from: "nobody.of.this.name")
    }
  }

  /// Why the only message that waits is not taken; nil if it is, or if there is none.
  private func refused(_ listener: inout HandoffListener) throws -> Handoff.Refusal? {
    var refusals: [Handoff.Refusal] = []
    let taken = try listener.next(within: .zero) { refusals.append($0) } != nil
    #expect(!taken && refusals.count == 1)
    return refusals.first
  }
}
