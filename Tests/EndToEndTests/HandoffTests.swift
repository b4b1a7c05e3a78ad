import Foundation
import Synchronization
import Testing

/// Clients that are handed over to their backend, at `tls-handoff`.
@Suite(.scratch)
struct HandoffTests {
  let hosts: HostsDirectory
  private let hello = Passage.hello

  init() throws { hosts = try HostsDirectory() }

  /// The entry of `hello`'s name.
  private func receiver(backlog: Int32 = 1024) throws -> Receiver {
    try Receiver(in: hosts.add("test.test").path, backlog: backlog)
  }

  private var entry: String { "\(hosts.path)/test.test" }

  // MARK: - What the receiver gets

  @Test(arguments: [Address.ip4(0), .ip6(0)], [false, true])
  func `the client's connection, with every byte unread, and a header`(address: Address, inParts: Bool) throws {
    let receiver = try receiver()
    // Flags for PROXY headers are of the other socket.
    for flag in HostsDirectory.Flag.allCases { try HostsDirectory.Entry(path: entry).add(flag) }
    let proxy = try Proxy(hosts, listen: ["\(address)"])
    let hello = Hello("Test.test", protocols: ["h2"], padding: 3000)
    let client = try proxy.connect()
    if inParts {
      try client.sendByteByByte(Array(hello.bytes.prefix(50)))
      try client.send(Array(hello.bytes.dropFirst(50)))
    } else {
      try client.send(hello.bytes)
    }
    try client.send("and more")
    let given = try receiver.take()
    let header = try ProxyHeaderVersion2(message: given.message)
    let loopback: [UInt8] = address.family == AF_INET ? [127, 0, 0, 1] : [UInt8](repeating: 0, count: 15) + [1]
    #expect(header.command == .proxy && header.family == (address.family == AF_INET ? 0x11 : 0x21))
    #expect(header.addresses == loopback + loopback + ProxyHeaderVersion2.ports(try client.port, proxy.port))
    #expect(header.values == [2: Array("Test.test".utf8), 1: Array("h2".utf8)])
    #expect(try given.connection.port == proxy.port)
    let expected = hello.bytes + Array("and more".utf8)
    #expect(try given.connection.receive(expected.count) == expected)
    try given.connection.send("answer")
    #expect(try client.receive(6) == Array("answer".utf8))
    client.finishSending()
    try given.connection.expectEnd()
    given.connection.close()
    try client.expectEnd()
  }

  @Test(arguments: [["h2", "http/1.1"], []])
  func `no protocol is told but a single one`(protocols: [String]) throws {
    let receiver = try receiver()
    let proxy = try Proxy(hosts)
    let client = try proxy.connect(Hello("test.test", protocols: protocols))
    #expect(try ProxyHeaderVersion2(message: receiver.take().message).values == [2: Array("test.test".utf8)])
    client.close()
  }

  /// The listener outlives the proxy, with the options that the proxy set: for the second copy too they are not the client's.
  @Test func `its options are those that accept gives to any program`() throws {
    let options: [(Int32, Int32)] = [
      (SOL_SOCKET, SO_OOBINLINE), (SOL_SOCKET, SO_KEEPALIVE), (SOL_SOCKET, SO_RCVLOWAT), (SOL_SOCKET, Self.peekOffset),
      (SOL_SOCKET, SO_LINGER), (Int32(IPPROTO_TCP), TCP_NODELAY), (Int32(IPPROTO_TCP), TCP_KEEPIDLE),
      (Int32(IPPROTO_TCP), TCP_KEEPINTVL), (Int32(IPPROTO_TCP), TCP_KEEPCNT),
    ]
    let receiver = try receiver()
    let listener = try Listener(.ip4(0))
    var keepAlive: Int32 = 1
    unsafe setsockopt(listener.descriptor, SOL_SOCKET, SO_KEEPALIVE, &keepAlive, 4)
    let untouched = try Connection(to: listener.address)
    let accepted = HandedOver(connection: try listener.accept(), message: [], wasBlocking: true)
    let expected = try options.map { try accepted.option($0.0, $0.1) }
    untouched.close()
    let first = try proxy(on: listener)
    // The first part waits in the proxy's event loop; a hello of more than one part makes it set options.
    let client = try Connection(to: listener.address)
    try client.sendByteByByte(Array(hello.bytes.prefix(100)))
    try client.send(Array(hello.bytes.dropFirst(100)))
    let given = try receiver.take()
    #expect(given.wasBlocking)
    #expect(try options.map { try given.option($0.0, $0.1) } == expected)
    try first.stop()
    let second = try proxy(on: listener)
    let next = try Connection(to: listener.address)
    try next.send(hello.bytes)
    let givenNext = try receiver.take()
    // What the first copy left there is taken for the kernel's own.
    let fresh = try Listener(.ip4(0))
    let connected = try Connection(to: fresh.address)
    let plain = HandedOver(connection: try fresh.accept(), message: [], wasBlocking: true)
    #expect(try options.map { try givenNext.option($0.0, $0.1) } == options.map { try plain.option($0.0, $0.1) })
    try second.stop()
    for connection in [client, next, connected] { connection.close() }
  }

  private static let peekOffset: Int32 = 42

  private func proxy(on listener: Listener) throws -> Proxy {
    let proxy = try Proxy(
      hosts, options: [], listen: [], environment: ["LISTEN_FDS": "1"],
      descriptors: [3: .descriptor(listener.descriptor)],
      launcher: ["sh", "-c", "export LISTEN_PID=$$; exec \"$@\"", "sh"])
    try eventually("sniproxy to listen: \(proxy.log)") { proxy.log.contains("listening on") }
    return proxy
  }

  @Test(.looksInside) func `nothing of it is left in the proxy once it is taken`() throws {
    let receiver = try receiver()
    let proxy = try Proxy(hosts, "--workers", "1", "--max-connections", "3", "--max-per-client", "2")
    let descriptors = try proxy.vitals.descriptors
    let watched = try proxy.vitals.watched.count
    var open: [(Connection, HandedOver)] = []
    // More than the proxy may have: it counts them no more.
    for _ in 0..<10 {
      let client = try proxy.connect()
      try client.sendByteByByte(Array(hello.bytes.prefix(60)))
      try client.send(Array(hello.bytes.dropFirst(60)))
      let delivery = try receiver.accept()
      try eventually("a hand-off that is not taken yet") { try proxy.vitals.descriptors.count == descriptors.count + 1 }
      let given = try delivery.receive()
      // The receiver need not close it.
      try eventually("nothing to be left") { try proxy.vitals.descriptors == descriptors }
      #expect(try proxy.vitals.watched.count == watched)
      try delivery.expectEnd()
      open.append((client, given))
    }
    for (client, given) in open {
      try client.send("x")
      _ = try given.connection.receive(hello.bytes.count + 1)
      client.close()
      try given.connection.expectEnd()
    }
    try proxy.stop()
  }

  // MARK: - When it is not handed over

  @Test func `where nobody listens the client is relayed at once`() throws {
    try receiver().close()
    try Listener(in: entry).answer("relayed")
    let proxy = try Proxy(hosts, "--connect-timeout", "600")
    #expect(try proxy.ask("test.test") == "relayed")
    // A dangling link, and something else than a socket, are no receivers either.
    try FileManager.default.removeItem(atPath: "\(entry)/tls-handoff")
    try link("\(entry)/tls-handoff", to: "nowhere")
    #expect(try proxy.ask("test.test") == "relayed")
    try FileManager.default.removeItem(atPath: "\(entry)/tls-handoff")
    #expect(FileManager.default.createFile(atPath: "\(entry)/tls-handoff", contents: nil))
    #expect(try proxy.ask("test.test") == "relayed")
  }

  @Test func `where nobody listens, and there is no other socket, it is refused`() throws {
    try receiver().close()
    let proxy = try Proxy(hosts)
    #expect(try proxy.refusal(hello) == 80)
    try eventually("the log to say why: \(proxy.log)") {
      proxy.log.contains("test.test: refused with alert 80: nobody listens on tls-handoff")
    }
  }

  @Test func `a socket of another type is an error`() throws {
    try hosts.add("test.test")
    let other = try Listener(.unix("\(entry)/tls-handoff"))
    let proxy = try Proxy(hosts)
    #expect(try proxy.refusal(hello) == 80)
    try eventually("the log to say why: \(proxy.log)") {
      proxy.log.contains("handing over to tls-handoff failed: Protocol wrong type for socket (EPROTOTYPE)")
    }
    other.close()
  }

  @Test func `a full backlog is waited for`() throws {
    let receiver = try receiver(backlog: 0)
    let waiting = try Connection.fillBacklog(of: receiver.path, type: SOCK_SEQPACKET)
    let proxy = try Proxy(hosts, "--connect-timeout", "600")
    let client = try proxy.connect(hello)
    #expect(try !client.hasBytes(within: 0.3))
    for _ in waiting { try receiver.accept().close() }
    let given = try receiver.take()
    #expect(try given.connection.receive(hello.bytes.count) == hello.bytes)
    client.close()
  }

  @Test(arguments: [true, false])
  func `a backlog that stays full`(hasOtherSocket: Bool) throws {
    let receiver = try receiver(backlog: 0)
    let waiting = try Connection.fillBacklog(of: receiver.path, type: SOCK_SEQPACKET)
    if hasOtherSocket { try Listener(in: entry).answer("relayed") }
    let proxy = try Proxy(hosts, "--connect-timeout", "0.3")
    if hasOtherSocket {
      #expect(try proxy.ask("test.test") == "relayed")
    } else {
      #expect(try proxy.refusal(hello) == 80)
      try eventually("the log to say why: \(proxy.log)") { proxy.log.contains("tls-handoff had no room in time") }
    }
    withExtendedLifetime(waiting) {}
  }

  /// Its own bytes are read into memory, or are no TCP connection's.
  @Test func `a client that cannot be handed over is relayed`() throws {
    let receiver = try receiver()
    let socket = Scratch.current.file("listener")
    let proxy = try Proxy(hosts, listen: ["unix:\(socket)", "127.0.0.1:0"])
    let long = Hello("test.test", padding: 40_000)
    for (index, hello) in [(0, hello), (1, long)] {
      let client = try proxy.connect(index)
      try client.send(hello.bytes)
      #expect(try client.receiveAlert() == 112)
    }
    try eventually("the log to say why: \(proxy.log)") { proxy.log.contains("nor a tls-handoff that can take") }
    try Listener(in: entry).echo()
    for (index, hello) in [(0, hello), (1, long)] {
      let client = try proxy.connect(index)
      try client.send(hello.bytes)
      #expect(try client.receive(hello.bytes.count) == hello.bytes)
    }
    withExtendedLifetime(receiver) {}
  }

  // MARK: - Receivers that do not do their part

  @Test(arguments: [false, true])
  func `one that takes nobody gets so many clients, and no other is harmed`(accepts: Bool) throws {
    let receiver = try receiver(backlog: 4096)
    try hosts.addBackend("other.test").answer("other")
    let proxy = try Proxy(
      hosts, "--workers", "2", "--connect-timeout", "600", "--hello-timeout", "600", "--max-connections",
      "\(8 * Self.mostUntaken)")
    let clients = try (0..<Self.mostUntaken + 14).map { _ in try proxy.connect(hello) }
    let counted = Mutex(0)
    var deliveries: [Delivery] = []
    if accepts { for _ in 0..<Self.mostUntaken { deliveries.append(try receiver.accept()) } }
    try eventually("so many to be handed over, and no more") {
      try receiver.queued == (accepts ? 0 : Self.mostUntaken)
    }
    #expect(try proxy.ask("other.test") == "other")
    #expect(try receiver.queued == (accepts ? 0 : Self.mostUntaken))
    // One that it takes makes room for another.
    for delivery in deliveries {
      #expect(try delivery.receive().connection.receive(hello.bytes.count) == hello.bytes)
      counted.withLock { $0 += 1 }
    }
    while counted.withLock({ $0 }) < clients.count {
      #expect(try receiver.take().connection.receive(hello.bytes.count) == hello.bytes)
      counted.withLock { $0 += 1 }
    }
    for client in clients { client.close() }
  }

  private static let mostUntaken = 40

  @Test(.looksInside, arguments: ["closes", "ends"])
  func `one that drops its clients`(how: String) throws {
    let receiver = try receiver()
    let counted = try CountedProxy(hosts, options: ["--access-log"])
    let descriptors = try counted.proxy.vitals.descriptors
    let clients = try (0..<20).map { _ in try counted.proxy.connect(hello) }
    if how == "closes" {
      for _ in clients {
        let delivery = try receiver.accept()
        // Before that it would be tried again.
        try delivery.awaitMessage()
        delivery.close()
      }
    }
    try eventually("all to be handed over") { try counted.status()["total.handedOver"] == clients.count }
    receiver.close()
    // They share its fate.
    for client in clients { try client.expectEnd(.reset) }
    try eventually("nothing to be left") { try counted.proxy.vitals.descriptors == descriptors }
    #expect(try counted.status()["total.droppedByReceivers"] == clients.count)
    let ends = Set(try AccessLine.all(clients.count, of: counted.proxy).map { $0["end"] })
    #expect(ends == ["handoff-dropped"])
    try eventually("the log to tell: \(counted.proxy.log)") {
      counted.proxy.log.contains(": test.test: closed by the receiver on tls-handoff, which did not take it")
    }
  }

  /// It shuts its end down, which looks like having closed it: the client is still in its queue.
  @Test func `one that keeps its clients unread gets so many, and no other is harmed`() throws {
    let receiver = try receiver(backlog: 4096)
    try hosts.addBackend("other.test").answer("other")
    let counted = try CountedProxy(hosts, options: ["--max-connections", "80", "--connect-timeout", "0.2"])
    var kept: [Delivery] = []
    for _ in 0..<10 {
      let client = try counted.proxy.connect(hello)
      let delivery = try receiver.accept()
      try delivery.awaitMessage()
      delivery.shutDown()
      kept.append(delivery)
      client.reset()
    }
    #expect(try counted.status()["total.handingOver"] == 10)
    #expect(try counted.proxy.refusal(hello) == 80)
    #expect(try counted.proxy.ask("other.test") == "other")
    for delivery in kept { delivery.close() }
    try eventually("all to be counted as dropped") { try counted.status()["total.droppedByReceivers"] == 10 }
    #expect(try counted.status()["total.handingOver"] == 0)
  }

  /// It has its client, and nothing of the proxy's or of another's.
  @Test(.looksInside) func `one that sends instead of receiving`() throws {
    let receiver = try receiver()
    try hosts.addBackend("other.test").answer("other")
    let proxy = try Proxy(hosts, "--workers", "1")
    let descriptors = try proxy.vitals.descriptors
    let client = try proxy.connect(hello)
    let delivery = try receiver.accept()
    let sent = try delivery.fill()
    #expect(sent > 0)
    try proxy.vitals.expectRest()
    #expect(try proxy.vitals.descriptors.count == descriptors.count + 1)
    #expect(try proxy.ask("other.test") == "other")
    #expect(try delivery.receive().connection.receive(hello.bytes.count) == hello.bytes)
    try eventually("nothing to be left") { try proxy.vitals.descriptors == descriptors }
    client.close()
  }

  @Test func `what waits for its receiver does not hold up the end of the proxy`() throws {
    let receiver = try receiver()
    let counted = try CountedProxy(hosts, options: ["--drain-timeout", "600", "--access-log"])
    let client = try counted.proxy.connect(hello)
    try eventually("the hand-off") { try counted.status()["total.handingOver"] == 1 }
    try counted.proxy.stop()
    #expect(counted.proxy.log.contains("stopped: 0 connections cut"))
    let given = try receiver.take()
    #expect(try given.connection.receive(hello.bytes.count) == hello.bytes)
    try given.connection.send("after the proxy")
    #expect(try client.receive(15) == Array("after the proxy".utf8))
    let line = try #require(AccessLine.all(counted.proxy.log).first)
    #expect(line["end"] == "handed-over" && line["up"] == "-" && line["down"] == "-" && line["host"] == "test.test")
  }

  // MARK: - Much of it

  @Test func `hand-offs are counted`() throws {
    let receiver = try receiver()
    let counted = try CountedProxy(hosts)
    let client = try counted.proxy.connect(hello)
    let handed = ["accepted": 1, "times.hello": 1, "times.lookUp": 1, "times.connect": 1, "handedOver": 1]
    try counted.expect(handed, ["open": 1, "handingOver": 1])
    let given = try receiver.take()
    try counted.expect(handed)
    given.connection.close()
    client.close()
  }

  @Test(.looksInside) func `20,000 hand-offs in a row leave nothing behind`() throws {
    let receiver = try receiver()
    receiver.serve { client in try client.connection.send("served") }
    let proxy = try Proxy(hosts)
    let descriptors = try proxy.vitals.descriptors
    let address = proxy.addresses[0]
    let hello = hello
    var memory = 0
    for round in 0..<20 {
      try Scratch.inParallel(4) { _ in
        for _ in 0..<250 {
          let client = try Connection(unattended: address)
          defer { client.close() }
          try client.send(hello.bytes)
          guard try client.receive(6) == Array("served".utf8) else { throw Failure("not served") }
        }
      }
      try eventually("nothing to be left") { try proxy.vitals.descriptors == descriptors }
      if round == 4 { memory = try proxy.vitals.anonymousMemory }
    }
    // A sanitizer keeps memory back.
    if Sanitizer.current == nil { #expect(try proxy.vitals.anonymousMemory <= memory + 128) }
  }

  @Test func `streams that were handed over do not notice the proxy's death`() throws {
    let receiver = try receiver()
    let proxy = try Proxy(hosts)
    var pairs: [(client: Connection, server: Connection)] = []
    for _ in 0..<1000 {
      let client = try proxy.connect(hello)
      let given = try receiver.take()
      _ = try given.connection.receive(hello.bytes.count)
      pairs.append((client, given.connection))
    }
    proxy.child.signal(SIGKILL)
    #expect(try proxy.child.wait() == .signalled(SIGKILL))
    for (client, server) in pairs {
      try client.send("still here")
      #expect(try server.receive(10) == Array("still here".utf8))
      try server.send("indeed")
      #expect(try client.receive(6) == Array("indeed".utf8))
    }
    for (client, server) in pairs {
      client.close()
      try server.expectEnd()
      server.close()
    }
  }

  // MARK: - Delegated names

  /// The same rule as for the other socket.
  @Test(.requiresRoot) func `a user cannot lead a name to another's receiver`() throws {
    let secret = try Scratch.current.directory("secret")
    let other = try Receiver(in: secret)
    let home = try Scratch.current.directory("home")
    try link("\(home)/tls-handoff", to: other.path)
    try link("\(hosts.path)/test.test", to: home)
    guard unsafe lchown("\(hosts.path)/test.test", 4321, 4321) == 0 else { throw Failure("\(lastError)") }
    try own(home, by: 4321)
    let proxy = try Proxy(hosts)
    #expect(try proxy.refusal(hello) == 112)
    try eventually("the log to say why: \(proxy.log)") {
      proxy.log.contains("user 4321 has a say in where this name leads")
    }
    // Their own is theirs.
    guard unsafe unlink("\(home)/tls-handoff") == 0 else { throw Failure("\(lastError)") }
    let receiver = try Receiver(in: home)
    try own(receiver.path, by: 4321)
    try FileManager.default.setAttributes([.posixPermissions: 0o777], ofItemAtPath: receiver.path)
    let client = try proxy.connect(hello)
    #expect(try receiver.take().connection.receive(hello.bytes.count) == hello.bytes)
    client.close()
  }
}
