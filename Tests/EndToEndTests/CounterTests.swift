import Foundation
import Synchronization
import Testing
import Wire

/// Every counter moves when it should, by what it should, and no other does. Gauges come back to zero.
@Suite(.scratch)
struct CounterTests {
  // MARK: - The life of a connection

  @Test(arguments: [1, 2])
  func `each stage of a connection is counted, and how it ended`(workers: Int) throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("test.test", backlog: 0)
    let counted = try CountedProxy(hosts, options: ["--workers", "\(workers)", "--connect-timeout", "600"])
    try counted.expect([:])
    let client = try counted.proxy.connect()
    try counted.expect(["accepted": 1, "open": 1, "waitingForHello": 1])
    let waiting = try Connection.fillBacklog(of: "\(hosts.path)/test.test/tls-socket")
    try client.send(Passage.hello.bytes)
    try counted.expect(["accepted": 1, "open": 1, "times.hello": 1, "times.lookUp": 1, "waitingForBackend": 1])
    for _ in waiting { _ = try backend.accept() }
    let accepted = try backend.accept()
    let relayed: [String: Int] = ["accepted": 1, "times.hello": 1, "times.lookUp": 1, "times.connect": 1, "relayed": 1]
    try counted.expect(relayed, ["open": 1, "relaying": 1])
    try client.send("12345")
    try accepted.send("123")
    _ = try (accepted.receive(Passage.hello.bytes.count + 5), client.receive(3))
    client.finishSending()
    accepted.close()
    try client.expectEnd()
    try counted.expect(relayed, ["end.finished": 1])
    let status = try counted.status()
    #expect(status["total.uploaded"] == Passage.hello.bytes.count + 5 && status["total.downloaded"] == 3)
    // The wait for the backlog is part of it: until the first time that it is tried again.
    #expect(status["total.sum.connect"] > 20_000_000)
    #expect(status["total.sum.lookUp"] > 0 && status["total.sum.hello"] > 0)
  }

  /// More bytes than any buffer holds, by way of a pipe too.
  @Test func `bytes are counted each way, and a PROXY header is not among them`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("plain.test").echo()
    try hosts.addBackend("one.test", flags: .v1).echo()
    try hosts.addBackend("two.test", flags: .v2).echo()
    let counted = try CountedProxy(hosts)
    let size = 5_000_000
    var up = 0
    let down = Mutex(0)
    for name in ["plain.test", "one.test", "two.test"] {
      let client = try counted.proxy.connect(Hello(name))
      let bytes = [UInt8](repeating: 7, count: size)
      try Scratch.inParallel(2) { end in
        if end == 0 {
          try client.send(bytes)
          client.finishSending()
        } else {
          let count = try client.receiveAll().bytes.count
          down.withLock { $0 += count }
        }
      }
      up += Hello(name).bytes.count + size
    }
    try counted.expect([
      "accepted": 3, "times.hello": 3, "times.lookUp": 3, "times.connect": 3, "relayed": 3, "end.finished": 3,
      "version1": 1,
      "version2": 1,
    ])
    let status = try counted.status()
    #expect(status["total.uploaded"] == up)
    #expect(status["total.downloaded"] == down.withLock { $0 })
    #expect(status["total.pipes"] <= status["workers"])
  }

  @Test func `how relayed connections ended`() throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("test.test")
    let counted = try CountedProxy(hosts, options: ["--drain-timeout", "0.1"])
    func connect() throws -> (client: Connection, backend: Connection) {
      let client = try counted.proxy.connect(Passage.hello)
      let accepted = try backend.accept()
      try accepted.awaitBytes()
      return (client, accepted)
    }
    var counts: [String: Int] = [:]
    func expect(_ end: String) throws {
      for each in ["accepted", "times.hello", "times.lookUp", "times.connect", "relayed"] {
        counts[each, default: 0] += 1
      }
      counts[end, default: 0] += 1
      try counted.expect(counts)
    }
    let byClient = try connect()
    byClient.client.reset()
    try expect("end.resetByClient")
    let byBackend = try connect()
    // With the hello unread.
    byBackend.backend.close()
    #expect(try byBackend.client.receiveAll().ending == .reset)
    try expect("end.resetByBackend")
    let cut = try connect()
    let silent = try counted.proxy.connect()
    counts["accepted", default: 0] += 1
    try eventually("both to be counted") { try counted.status()["total.open"] == 2 }
    try counted.proxy.stop()
    counts["cut"] = 2
    try expect("end.stop")
    withExtendedLifetime((cut, silent)) {}
  }

  /// It has had its answer.
  @Test func `who was refused is not cut at the stop`() throws {
    let counted = try CountedProxy(try HostsDirectory(), options: ["--drain-timeout", "0.1"])
    let client = try counted.proxy.connect(Hello("unknown.test"))
    _ = try client.receive(7)
    try eventually("it to be closing") { try counted.status()["total.closing"] == 1 }
    try counted.proxy.stop()
    #expect(counted.proxy.connectionsCut == 0, "\(counted.proxy.log)")
    try counted.expect(["accepted": 1, "times.hello": 1, "times.lookUp": 1, "refused.unknown_name": 1])
    withExtendedLifetime(client) {}
  }

  // MARK: - Refusals

  /// One of each that can be had; what is left is a shortage of the machine's.
  @Test(arguments: [1, 2])
  func `each refusal is counted by its kind`(workers: Int) throws {
    let hosts = try HostsDirectory()
    try Self.prepare(hosts)
    let counted = try CountedProxy(
      hosts, options: ["--workers", "\(workers)", "--hello-timeout", "1.5", "--connect-timeout", "0.3"])
    var expected: [String: Int] = [:]
    for (kind, bytes) in Self.refused {
      let client = try counted.proxy.connect()
      try client.send(bytes)
      #expect(try client.receiveAlert() == kind.alert?.rawValue, "\(kind)")
      client.close()
      expected["refused.\(kind.key)", default: 0] += 1
      expected["accepted", default: 0] += 1
      if Self.complete.contains(kind) { expected["times.hello", default: 0] += 1 }
      if Self.lookedUp.contains(kind) { expected["times.lookUp", default: 0] += 1 }
      try counted.expect(expected)
    }
    try counted.proxy.connect().expectClosed()
    expected["refused.hello_timed_out", default: 0] += 1
    try counted.proxy.connect().close()
    expected["refused.hung_up", default: 0] += 1
    expected["accepted", default: 0] += 2
    try counted.expect(expected)
    let status = try counted.status()
    #expect(status["workers"] == workers)
    #expect((0..<workers).reduce(0) { $0 + status["worker\($1).accepted"] } == status["total.accepted"])
  }

  /// It is not the backend's fault.
  @Test(.requires("prlimit"), .looksInside) func `a shortage of descriptors is counted as one`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").answer("served")
    let counted = try CountedProxy(hosts, options: ["--workers", "1"])
    let used = try counted.proxy.vitals.descriptors
    let client = try counted.proxy.connect()
    try eventually("the client to be accepted") { try counted.proxy.vitals.descriptors.count == used.count + 1 }
    // Only the next one to be opened is too many.
    let limit = try #require((0...).first { !used.contains($0) }) + 1
    let done = try run("prlimit", "--pid", "\(counted.proxy.child.pid)", "--nofile=\(limit):")
    #expect(done.status == .exited(0), "\(done.error)")
    try client.send(Passage.hello.bytes)
    #expect(try client.receiveAlert() == 80)
    try counted.expect([
      "accepted": 1, "times.hello": 1, "times.lookUp": 1, "refused.out_of_resources": 1, "open": 1, "closing": 1,
    ])
    client.close()
    #expect(counted.proxy.log.contains("out of resources: Too many open files (EMFILE)"))
  }

  @Test(.requiresRoot) func `refusals of who may not lead a name there`() throws {
    let hosts = try HostsDirectory()
    let (alice, bob): (UInt32, UInt32) = (2001, 2002)
    for name in ["another.test", "two.test", "open.test", "closed.test"] {
      try hosts.addBackend(name).answer("reached")
    }
    try own("\(hosts.path)/another.test", by: alice)
    try own("\(hosts.path)/two.test", by: alice)
    try FileManager.default.moveItem(
      atPath: "\(hosts.path)/two.test/tls-socket", toPath: "\(hosts.path)/two.test/backend")
    try link("\(hosts.path)/two.test/tls-socket", to: "backend")
    #expect(unsafe lchown("\(hosts.path)/two.test/tls-socket", bob, bob) == 0)
    try own("\(hosts.path)/open.test", by: alice)
    #expect(unsafe chmod("\(hosts.path)/open.test", 0o777) == 0)
    #expect(unsafe chmod("\(hosts.path)/closed.test", 0o700) == 0)
    let counted = try CountedProxy(hosts, options: ["--user", "nobody"])
    var expected: [String: Int] = [:]
    for (name, kind) in [
      ("another.test", "socket_of_another"), ("two.test", "several_owners"), ("open.test", "open_to_all"),
      ("closed.test", "no_permission"),
    ] {
      #expect(try counted.proxy.refusal(Hello(name)) == 112)
      expected["refused.\(kind)"] = 1
      for each in ["accepted", "times.hello", "times.lookUp"] { expected[each, default: 0] += 1 }
      try counted.expect(expected)
    }
  }

  // MARK: - Limits

  @Test func `fair shares that are used up are counted`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").echo()
    try hosts.addBackend("other.test").echo()
    let counted = try CountedProxy(
      hosts, options: ["--max-per-client", "2", "--max-per-host", "1"])
    let first = try counted.proxy.connect(Passage.hello)
    _ = try first.receive(Passage.hello.bytes.count)
    #expect(try counted.proxy.refusal(Passage.hello) == 80)
    // Until it is over it has a place of the client's.
    try eventually("the refused one to be gone") { try counted.status()["total.open"] == 1 }
    let second = try counted.proxy.connect(Hello("other.test"))
    _ = try second.receive(Hello("other.test").bytes.count)
    try counted.proxy.connect().expectClosed()
    try counted.expect([
      "accepted": 4, "open": 2, "times.hello": 3, "times.lookUp": 3, "times.connect": 2, "relayed": 2, "relaying": 2,
      "refused.host_limit": 1, "refused.client_limit": 1,
    ])
    #expect(try counted.status()["maxPerClient"] == 2 && counted.status()["maxPerHost"] == 1)
  }

  @Test func `the oldest of too many hellos, and a limit at which accepting pauses`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").echo()
    let counted = try CountedProxy(
      hosts, options: ["--max-connections", "2", "--workers", "1", "--hello-timeout", "600"])
    #expect(try counted.status()["maxConnections"] == 2)
    #expect(try counted.status()["total.accepting.yes"] == 1)
    let oldest = try counted.proxy.connect()
    try counted.expect(["accepted": 1, "open": 1, "waitingForHello": 1])
    let second = try counted.proxy.connect()
    try oldest.expectClosed()
    try counted.expect(["accepted": 2, "open": 1, "waitingForHello": 1, "refused.hello_limit": 1])
    try second.send(Passage.hello.bytes)
    _ = try second.receive(Passage.hello.bytes.count)
    let third = try counted.proxy.connect(Passage.hello)
    _ = try third.receive(Passage.hello.bytes.count)
    let fourth = try counted.proxy.connect(Passage.hello)
    try eventually("accepting to pause") {
      let status = try counted.status()
      return status["total.accepting.atLimit"] == 1 && status["total.trouble.limit"] > 0
    }
    second.reset()
    _ = try fourth.receive(Passage.hello.bytes.count)
    #expect(try counted.status()["total.accepted"] == 4)
    withExtendedLifetime(third) {}
  }

  // MARK: - The log

  @Test func `lines of the log are counted`() throws {
    let hosts = try HostsDirectory()
    let counted = try CountedProxy(hosts)
    for _ in 0..<150 { #expect(try counted.proxy.refusal(Hello("unknown.test")) == 112) }
    try eventually("the lines that were left out to be counted") { try counted.status()["log.leftOut"] > 0 }
    try counted.proxy.stop()
    let status = try counted.status()
    let lines = counted.proxy.log.split(separator: "\n").map(String.init)
    #expect(status["log.leftOut"] == total(lines, "lines about clients left out"))
    // The one that tells of those is one, too.
    #expect(status["log.written"] == lines.count)
    #expect(status["log.lost"] == 0)
  }

  @Test func `lines about a full house that are left out are counted`() throws {
    let counted = try CountedProxy(try HostsDirectory(), options: ["--max-connections", "1", "--workers", "1"])
    let clients = try (0..<400).map { _ in try counted.proxy.connect(Hello("unknown.test")) }
    for client in clients {
      #expect(try client.receiveAlert() == 112)
      client.close()
    }
    try counted.proxy.stop()
    let status = try counted.status()
    let lines = counted.proxy.log.split(separator: "\n").map(String.init)
    let ofProgram = total(lines, "lines about sniproxy itself left out")
    #expect(ofProgram > 0)
    #expect(lines.count { $0.contains("accept: paused:") } + ofProgram == status["total.trouble.limit"])
    #expect(status["log.leftOut"] == ofProgram + total(lines, "lines about clients left out"))
  }

  // MARK: - What is refused

  private static let refused: [(Refusal.Kind, [UInt8])] =
    [
      (.unexpectedRecord, Array("GET / HTTP/1.1\r\n".utf8)),
      (.unexpectedMessage, Hello.records([2, 0, 0, 2, 3, 3], size: 100)),
      (.recordOverflow, [22, 3, 1, 0x40, 0x01]),
      (.emptyRecord, [22, 3, 1, 0, 0]),
      (.clientHelloTooLong, Hello.records([1, 0, 0xff, 0xfd], size: 100)),
      (.noServerName, Hello(nil).bytes),
    ]
    + [
      ("a repeated extension", .repeatedExtension), ("two names of one type", .repeatedNameType),
      ("pre_shared_key that is not last", .preSharedKeyNotLast),
      ("a message that ends in legacy_version", .truncated), ("a session id of 33 bytes", .lengthOutOfRange),
      ("bytes after the extensions", .leftover),
    ].map { (description: String, kind: Refusal.Kind) in
      (kind, RefusedHello.all.first { $0.description == description }!.bytes)
    }
    + [
      ("127.0.0.1", .illegalName), ("unknown.test", .unknownName), ("empty.test", .noSocket),
      ("loop.test", .lookUpFailed), ("nobody.test", .backendRefused), ("full.test", .backendTimedOut),
      ("socket-loop.test", .backendFailed),
    ].map { (name: String, kind: Refusal.Kind) in (kind, Hello(name).bytes) }

  private static let lookedUp: Set<Refusal.Kind> = [
    .unknownName, .noSocket, .lookUpFailed, .backendRefused, .backendTimedOut, .backendFailed,
  ]
  /// Those whose ClientHello had nothing wrong but the name.
  private static let complete = lookedUp.union([.noServerName, .illegalName])

  private static func prepare(_ hosts: HostsDirectory) throws {
    try hosts.add("empty.test")
    try link("\(hosts.path)/loop.test", to: "loop.test")
    try hosts.addBackend("nobody.test").close()
    try link("\(hosts.add("socket-loop.test").path)/tls-socket", to: "tls-socket")
    _ = try hosts.addBackend("full.test", backlog: 0)
    _ = try Connection.fillBacklog(of: "\(hosts.path)/full.test/tls-socket")
  }
}
