import Foundation
import Synchronization
import Testing

/// No client and no host takes what belongs to the others.
@Suite(.scratch)
struct FairShareTests {
  // MARK: - Clients

  @Test(arguments: [1, 2])
  func `a client has so many connections, and others theirs`(workers: Int) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").echo(after: Passage.hello.bytes.count)
    let proxy = try Proxy(
      hosts, options: ["--max-per-client", "3", "--workers", "\(workers)"],
      listen: ["127.0.0.1:0", "[::1]:0", "unix:\(Scratch.current.file("listener"))"])
    // Relayed, refused and still silent connections count alike.
    let relayed = try proxy.served()
    let silent = try [proxy.connect(), proxy.connect()]
    try proxy.connect().expectClosed()
    let other = try proxy.served(from: "127.0.0.2")
    let six = try (0..<3).map { _ in try proxy.served(1) }
    try proxy.connect(1).expectClosed()
    // Those on a Unix listener are no one client.
    let local = try (0..<5).map { _ in try proxy.served(2) }
    silent[0].close()
    let again = try eventuallyServed(by: proxy)
    try proxy.connect().expectClosed()
    for connection in [relayed, other, again] + six + local {
      try connection.send("still here")
      #expect(try connection.receive(10) == Array("still here".utf8))
    }
    #expect(proxy.log.contains("--max-per-client"))
  }

  /// An IPv4 client of a dual-stack listener is the same client as that of an IPv4 listener.
  @Test func `an IPv4 client is one client on every listener`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").echo(after: Passage.hello.bytes.count)
    let proxy = try Proxy(hosts, options: ["--max-per-client", "1"], listen: ["127.0.0.1:0", "[::]:0", "0"])
    let first = try proxy.served()
    guard case .ip4(let port) = proxy.addresses[2] else { throw Failure("\(proxy.addresses)") }
    try Connection(to: .ip4(port)).expectClosed()
    first.close()
  }

  @Test func `exactly so many however many come at once`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").echo(after: Passage.hello.bytes.count)
    let proxy = try Proxy(hosts, "--max-per-client", "40", "--max-per-host", "25", "--workers", "4")
    let address = proxy.addresses[0]
    let atRest = try proxy.vitals.descriptors.count
    for _ in 0..<3 {
      let outcomes = Mutex<[String: Int]>([:])
      let clients = Mutex<[Connection]>([])
      try Scratch.inParallel(8) { _ in
        for _ in 0..<10 {
          let client = try Connection(unattended: address)
          try? client.send(Passage.hello.bytes + Array("x".utf8))
          let outcome =
            switch try client.awaitSome() {
            case .bytes(let bytes): bytes == [UInt8(ascii: "x")] ? "served" : "alert \(bytes.last ?? 0)"
            case .ended: "closed"
            }
          // Who has an alert holds the connection until the proxy has seen its end.
          outcomes.withLock { $0[outcome, default: 0] += 1 }
          clients.withLock { $0.append(client) }
        }
      }
      #expect(outcomes.withLock { $0["served"] } == 25)
      #expect(outcomes.withLock { $0.keys.allSatisfy { ["served", "alert 80", "closed"].contains($0) } })
      for client in clients.withLock({ $0 }) { client.close() }
      try eventually("all to be gone") { try proxy.vitals.descriptors.count == atRest }
    }
  }

  // MARK: - Hosts

  @Test func `a host directory has so many connections, whatever its names`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").echo(after: Passage.hello.bytes.count)
    try hosts.addBackend("other.test").answer("other")
    try link("\(hosts.path)/alias.test", to: "test.test")
    let proxy = try Proxy(hosts, "--max-per-host", "2", "--workers", "2")
    let first = try proxy.served()
    let second = try proxy.connect(Hello("alias.test"))
    try second.send("x")
    _ = try second.awaitSome()
    #expect(try proxy.refusal(Passage.hello) == 80)
    #expect(try proxy.refusal(Hello("alias.test")) == 80)
    #expect(try proxy.ask("other.test") == "other")
    #expect(proxy.log.contains("--max-per-host"))
    first.close()
    let third = try eventuallyServed(by: proxy)
    #expect(try proxy.refusal(Passage.hello) == 80)
    third.close()
    second.close()
  }

  /// A full backlog is waited for without a place; a backend that nobody can reach leaves none taken.
  @Test func `who is not connected takes no place of the host`() throws {
    let hosts = try HostsDirectory()
    let entry = try hosts.add("test.test")
    let proxy = try Proxy(hosts, "--max-per-host", "1")
    for _ in 0..<3 { #expect(try proxy.refusal(Passage.hello) == 112) }
    try Listener(in: entry.path).close()
    for _ in 0..<3 { #expect(try proxy.refusal(Passage.hello) == 80) }
    try FileManager.default.removeItem(atPath: entry.socket)
    try Listener(in: entry.path).answer("here")
    for _ in 0..<3 {
      try eventually("the one place to be free") { try proxy.ask("test.test") == "here" }
    }
  }

  /// Many wait for a backend that accepts nobody: each is told so in the end, and none that the host has no place.
  @Test func `who waits for a full backlog takes no place of the host`() throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("test.test", backlog: 0)
    let fill = try Connection.fillBacklog(of: "\(hosts.path)/test.test/tls-socket")
    let proxy = try Proxy(hosts, "--max-per-host", "1", "--workers", "4", "--connect-timeout", "1")
    let waiting = try (0..<100).map { _ in try proxy.connect(Passage.hello) }
    for client in waiting { #expect(try client.receiveAlert() == 80) }
    #expect(!proxy.log.contains("--max-per-host"))
    try eventually("the log to tell it") { proxy.log.contains("its backlog is full") }
    withExtendedLifetime((backend, fill)) {}
  }

  // MARK: - Unfinished ClientHellos

  @Test(arguments: [1, 3])
  func `unfinished hellos take half of the limit, and the oldest gives way`(workers: Int) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").echo(after: Passage.hello.bytes.count)
    let proxy = try Proxy(hosts, "--max-connections", "10", "--workers", "\(workers)")
    let half = Array(Passage.hello.bytes.prefix(20))
    let atRest = try proxy.vitals.descriptors.count
    var silent: [Connection] = []
    for number in 0..<12 {
      let client = try proxy.connect()
      // Some of a hello, or nothing at all.
      if number % 2 == 0 { try client.send(half) }
      silent.append(client)
      if number >= 5 {
        // Without an alert, and nobody but the oldest.
        try silent[number - 5].expectClosed()
      } else {
        try eventually("the client to be accepted") { try proxy.vitals.descriptors.count == atRest + number + 1 }
      }
    }
    for client in silent.suffix(5) { #expect(try !client.hasBytes()) }
    #expect(proxy.log.contains("the oldest of too many unfinished ClientHellos"))
    // Who finishes in time is served.
    try silent[10].send(Array(Passage.hello.bytes.dropFirst(20)) + Array("late".utf8))
    #expect(try silent[10].receive(4) == Array("late".utf8))
    // The other half is for those who say what they want.
    for client in try (0..<4).map({ _ in try proxy.served() }) { client.close() }
  }

  /// However many come at once, to several workers that do not know of each other's.
  @Test func `bursts of unfinished hellos take no more than half`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").answer("here")
    let proxy = try Proxy(hosts, "--max-connections", "20", "--workers", "4")
    let atRest = try proxy.vitals.descriptors.count
    var silent: [Connection] = []
    for _ in 0..<10 {
      proxy.child.signal(SIGSTOP)
      silent += try (0..<30).map { _ in try proxy.connect() }
      proxy.child.signal(SIGCONT)
      try eventually("all but ten to be closed") {
        try silent.count { try !$0.hasEnded } == 10 && proxy.vitals.descriptors.count == atRest + 10
      }
      #expect(try proxy.ask("test.test") == "here")
    }
  }

  /// Thousands of half hellos, one after the other as fast as they go, do not keep an honest client out.
  @Test func `an honest client is served during a flood of half hellos`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").answer("here")
    let proxy = try Proxy(hosts, "--max-connections", "1000", "--workers", "2")
    let address = proxy.addresses[0]
    let isDone = Atomic(false)
    let flood = DispatchGroup()
    let sent = Atomic(0)
    for _ in 0..<2 {
      Scratch.current.start(in: flood) {
        var clients: [Connection] = []
        while !isDone.load(ordering: .relaxed) {
          guard let client = try? Connection(unattended: address) else { continue }
          try? client.send(Array(Passage.hello.bytes.prefix(50)))
          clients.append(client)
          if clients.count > 400 { clients.removeFirst().close() }
          sent.add(1, ordering: .relaxed)
        }
        for client in clients { client.close() }
      }
    }
    defer {
      isDone.store(true, ordering: .relaxed)
      flood.wait()
    }
    var served = 0
    while served < 200 || sent.load(ordering: .relaxed) < 4000 {
      #expect(try proxy.ask("test.test") == "here")
      served += 1
    }
  }

  private func eventuallyServed(by proxy: Proxy) throws -> Connection {
    var served: Connection?
    try eventually("a place to be free") {
      let client = try proxy.connect()
      // One that is closed at once cannot even send.
      try? client.send(Passage.hello.bytes + Array("x".utf8))
      if try client.awaitSome() == .bytes(Array("x".utf8)) { served = client } else { client.close() }
      return served != nil
    }
    return served!
  }
}

extension Proxy {
  /// A client whose backend has answered.
  fileprivate func served(_ index: Int = 0, from source: String? = nil) throws -> Connection {
    let client = try source.map { try Connection(to: addresses[index], from: $0) } ?? connect(index)
    try client.send(Passage.hello.bytes + Array("x".utf8))
    let answer = try client.awaitSome()
    guard answer == .bytes(Array("x".utf8)) else { throw Failure("not served: \(answer); \(log)") }
    return client
  }
}

extension Connection {
  /// Waits for the end of a connection that gets no alert.
  func expectClosed() throws {
    guard case .ended = try awaitSome() else { throw Failure("it got something") }
    close()
  }

  /// True once the other end has closed without a byte.
  fileprivate var hasEnded: Bool { get throws { try hasBytes() } }

  /// A client that comes from another loopback address.
  fileprivate convenience init(to address: Address, from source: String) throws {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    var own = sockaddr_in()
    own.sin_family = sa_family_t(AF_INET)
    own.sin_addr.s_addr = unsafe inet_addr(source)
    let isBound = unsafe withUnsafePointer(to: &own) { pointer in
      unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard isBound == 0, try address.connect(descriptor) == 0 else {
      throw Failure("no client at \(source): \(lastError)")
    }
    self.init(owning: descriptor)
    Scratch.current.atEnd { self.close() }
  }
}
