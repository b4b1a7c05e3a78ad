import Foundation
import Testing

/// At a limit accepting pauses: clients wait in the backlog, no processor time is burnt, and it goes on when one leaves.
@Suite(.scratch)
struct ConnectionLimitTests {
  @Test(arguments: [1, 2], [1, 40])
  func `exactly max-connections are served, and the next when one leaves`(workers: Int, limit: Int) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").echo(after: Passage.hello.bytes.count)
    let proxy = try Proxy(hosts, "--workers", "\(workers)", "--max-connections", "\(limit)")
    let crowd = try Crowd(proxy, limit + 8)
    try crowd.expect(served: limit)
    for _ in 1...2 {
      try crowd.oneLeaves()
      try crowd.expect(served: limit)
    }
    try crowd.allLeave()
    try Crowd(proxy, limit).expect(served: limit)
  }

  /// Clients that are refused or hang up make room as well.
  @Test func `refused clients and those who hang up make room`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").answer("answer")
    let proxy = try Proxy(hosts, "--workers", "2", "--max-connections", "2")
    for _ in 0..<50 {
      #expect(try Self.answer(to: Hello("unknown.test"), proxy.addresses[0]) == [21, 3, 3, 0, 2, 2, 112])
      try proxy.connect().close()
      #expect(try Self.answer(to: Passage.hello, proxy.addresses[0]) == Array("answer".utf8))
    }
  }

  /// One whose hello comes a moment after it was accepted may have to give way to the next, and asks again.
  private static func answer(to hello: Hello, _ address: Address) throws -> [UInt8] {
    let alarm = Alarm(in: patience)
    while alarm.remaining > 0 {
      let client = try Connection(unattended: address)
      defer { client.close() }
      try? client.send(hello.bytes)
      let answer = try client.receiveAll().bytes
      if !answer.isEmpty { return answer }
    }
    throw Failure("not served, however often it asked")
  }

  /// Many wait all the time, and whenever one leaves, another one's turn has come.
  @Test(arguments: [1, 4])
  func `no turn is lost under constant pressure`(workers: Int) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").answer("answer")
    let proxy = try Proxy(hosts, "--workers", "\(workers)", "--max-connections", "3")
    let address = proxy.addresses[0]
    try Scratch.inParallel(16) { thread in
      for turn in 0..<Sanitizer.rounds(150) {
        if (thread + turn) % 5 == 0 {
          try Connection(unattended: address).close()
          continue
        }
        let answer = try Self.answer(to: Passage.hello, address)
        guard answer == Array("answer".utf8) else { throw Failure("not served: \(answer)") }
      }
    }
    try proxy.vitals.expectRest()
    #expect(try proxy.ask("test.test") == "answer")
  }

  /// The default limit, from few descriptors.
  @Test(.requires("prlimit"), arguments: [1, 2])
  func `the default limit follows few descriptors`(workers: Int) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").echo(after: Passage.hello.bytes.count)
    let proxy = try Proxy(hosts, options: ["--workers", "\(workers)"], launcher: ["prlimit", "--nofile=128:128"])
    let crowd = try Crowd(proxy, 128)
    try eventually("accepting to pause; its log: \(proxy.log)") { proxy.log.contains("paused") }
    try proxy.vitals.expectRest()
    let limit = try crowd.served()
    #expect((20...60).contains(limit) && crowd.refused == 0, "\(limit) served, \(crowd.refused) refused")
    try crowd.oneLeaves()
    try crowd.expect(served: limit)
    try crowd.allLeave()
    try Crowd(proxy, limit).expect(served: limit)
  }

  /// Descriptors run out that sniproxy counted on: `accept` itself fails.
  @Test(.requires("prlimit"), arguments: [1, 2])
  func `accepting pauses when descriptors run out, and resumes`(workers: Int) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").echo(after: Passage.hello.bytes.count)
    let proxy = try Proxy(hosts, "--workers", "\(workers)")
    let first = try Crowd(proxy, 3)
    try first.expect(served: 3)
    try Self.limitDescriptors(of: proxy, to: 3)
    let second = try Crowd(proxy, 3)
    try proxy.vitals.expectRest()
    #expect(try second.served() == 0)
    #expect(second.refused == 0)
    try Self.limitDescriptors(of: proxy, to: 1000)
    try second.expect(served: 3)
    try first.expect(served: 3)
  }

  /// There is a descriptor for the client and none for its backend: out of resources.
  @Test(.looksInside, .requires("prlimit"))
  func `no descriptor for the backend is an internal error`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").answer("answer")
    let proxy = try Proxy(hosts, "--workers", "1")
    let used = try proxy.vitals.descriptors
    let free = try #require((0...).first { !used.contains($0) })
    try Self.limitDescriptors(of: proxy, to: free + 1)
    #expect(try proxy.refusal(Hello("test.test")) == 80)
    try Self.limitDescriptors(of: proxy, to: 1000)
    #expect(try proxy.ask("test.test") == "answer")
  }

  private static func limitDescriptors(of proxy: Proxy, to count: Int) throws {
    let done = try run("prlimit", "--pid", "\(proxy.child.pid)", "--nofile=\(count):")
    guard done.status == .exited(0) else { throw Failure("prlimit: \(done.error)") }
  }
}

/// Clients who all want to be served at once by a backend that echoes.
private final class Crowd {
  private let proxy: Proxy
  private var waiting: [Connection]
  private var inside: [Connection] = []
  private(set) var refused = 0

  init(_ proxy: Proxy, _ count: Int) throws {
    self.proxy = proxy
    waiting = try (0..<count).map { number in
      let client = try proxy.connect(Passage.hello)
      try client.send("turn")
      return client
    }
  }

  /// How many are served by now.
  func served() throws -> Int {
    for client in waiting where try client.hasBytes() {
      if case .bytes(let bytes) = try client.awaitSome(4), bytes == Array("turn".utf8) {
        inside.append(client)
      } else {
        refused += 1
      }
    }
    waiting.removeAll { client in inside.contains { $0 === client } }
    return inside.count
  }

  /// Exactly so many are served, and no more for as long as nobody leaves.
  func expect(served count: Int) throws {
    try eventually("\(count) to be served") { try served() >= count }
    try proxy.vitals.expectRest()
    #expect(try served() == count)
    #expect(refused == 0)
    for client in inside {
      try client.send("more")
      #expect(try client.receive(4) == Array("more".utf8))
    }
  }

  func oneLeaves() throws {
    let client = inside.removeFirst()
    client.finishSending()
    try client.expectEnd()
    client.close()
  }

  func allLeave() throws {
    for client in waiting + inside { client.close() }
    waiting = []
    inside = []
  }
}
