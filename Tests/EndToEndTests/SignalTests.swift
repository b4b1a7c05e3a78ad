import Foundation
import Testing

/// Stopping, by signal and by itself.
@Suite(.scratch)
struct SignalTests {
  @Test(arguments: [SIGHUP, SIGTERM, SIGINT])
  func `without connections it ends at once`(signal: Int32) throws {
    let hosts = try HostsDirectory()
    let proxy = try Proxy(hosts, "--drain-timeout", "600")
    try proxy.stop(signal)
    #expect(proxy.connectionsCut == 0, "\(proxy.log)")
  }

  /// It accepts before anything can be known of it, so a signal can come at any moment of its start.
  @Test func `a signal during the start counts`() throws {
    let hosts = try HostsDirectory()
    for _ in 0..<20 {
      let listener = try Listener(.ip4(0))
      let proxy = try Proxy(hosts, listen: [], descriptors: [0: .descriptor(listener.descriptor)])
      let client = try Connection(to: listener.address)
      try client.send("no TLS at all")
      #expect(try client.receiveAlert() == 10)
      client.close()
      try proxy.stop()
    }
  }

  @Test func `SIGPIPE does not end it`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("here")
    let proxy = try Proxy(hosts)
    proxy.child.signal(SIGPIPE)
    #expect(try proxy.ask("a.test") == "here")
    try proxy.stop()
  }

  @Test(arguments: [SIGHUP, SIGTERM, SIGINT])
  func `a new copy starts at once while the old one drains`(signal: Int32) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("echo.test").echo()
    try hosts.addBackend("a.test").answer("new")
    let old = try Proxy(hosts, "--drain-timeout", "600")
    let (client, hello) = try openEcho(old)
    old.child.signal(signal)
    try old.awaitStopOfAccepting()

    let new = try Proxy(hosts, listen: ["\(old.addresses[0])"])
    #expect(try new.ask("a.test") == "new")
    try client.send("still here")
    #expect(try client.receive(10) == Array("still here".utf8))
    #expect(old.child.isRunning)
    client.finishSending()
    try client.expectEnd()
    #expect(try old.child.wait() == .exited(0), "\(old.log)")
    #expect(old.connectionsCut == 0, "\(old.log)")
    _ = hello
  }

  @Test func `a new copy takes over a Unix socket while the old one drains`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("echo.test").echo()
    try hosts.addBackend("a.test").answer("new")
    let old = try Proxy(hosts, "--drain-timeout", "600", listen: ["unix:\(Scratch.current.file("listener"))"])
    let (client, _) = try openEcho(old)
    old.child.signal(SIGTERM)
    try old.awaitStopOfAccepting()
    let new = try Proxy(hosts, listen: ["\(old.addresses[0])"])
    client.finishSending()
    #expect(try old.child.wait() == .exited(0), "\(old.log)")
    #expect(try new.ask("a.test") == "new")
  }

  @Test func `the drain timeout cuts the rest, and the log counts them`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("echo.test").echo()
    let proxy = try Proxy(hosts, "--drain-timeout", "0.5")
    let clients = try (0..<3).map { _ in try openEcho(proxy).client }
    let alarm = Alarm(in: 0.5)
    proxy.child.signal(SIGTERM)
    for client in clients { _ = try client.receiveAll() }
    #expect(alarm.remaining == 0)
    #expect(try proxy.child.wait() == .exited(0))
    #expect(proxy.connectionsCut == 3, "\(proxy.log)")
  }

  /// The clients that have not sent their name yet are open connections, too.
  @Test func `the drain timeout cuts unfinished hellos, too`() throws {
    let hosts = try HostsDirectory()
    let proxy = try Proxy(hosts, "--drain-timeout", "0.2", "--hello-timeout", "600", "--workers", "1")
    let silent = try proxy.connect()
    let begun = try proxy.connect()
    try begun.send([22])
    #expect(try proxy.refusal(Hello(nil)) == 109, "the one worker has accepted the others")
    try proxy.stop()
    #expect(proxy.connectionsCut == 2, "\(proxy.log)")
    _ = try (silent.receiveAll(), begun.receiveAll())
  }

  @Test(arguments: [SIGHUP, SIGTERM, SIGINT])
  func `a second signal ends it at once`(signal: Int32) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("echo.test").echo()
    let proxy = try Proxy(hosts, "--drain-timeout", "600")
    let clients = try (0..<2).map { _ in try openEcho(proxy).client }
    proxy.child.signal(SIGTERM)
    try proxy.awaitStopOfAccepting()
    #expect(proxy.child.isRunning)
    try proxy.stop(signal)
    #expect(proxy.connectionsCut == 2, "\(proxy.log)")
    for client in clients { _ = try client.receiveAll() }
  }

  @Test func `it ends after being idle, but not while a silent connection is open`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("echo.test").echo()
    let proxy = try Proxy(hosts, "--idle-exit", "0.5")
    let (client, _) = try openEcho(proxy)
    let alarm = Alarm(in: 1.5)
    while alarm.remaining > 0 {
      #expect(try proxy.addresses[0].hasListener, "an open connection is not idle, however silent: \(proxy.log)")
      usleep(50_000)
    }
    client.close()
    #expect(try proxy.child.wait() == .exited(0))
    #expect(proxy.connectionsCut == 0, "\(proxy.log)")
  }

  @Test func `it ends when nobody ever connects`() throws {
    let proxy = try Proxy(try HostsDirectory(), "--idle-exit", "0.2")
    #expect(try proxy.child.wait() == .exited(0))
  }

  /// A connection that is relayed: an echo has come back.
  private func openEcho(_ proxy: Proxy) throws -> (client: Connection, hello: [UInt8]) {
    let hello = Hello("echo.test")
    let client = try proxy.connect(hello)
    #expect(try client.receive(hello.bytes.count) == hello.bytes)
    return (client, hello.bytes)
  }
}

extension Proxy {
  /// Waits until nobody listens at its addresses.
  func awaitStopOfAccepting() throws {
    try eventually("\(addresses) to have no listener") { try addresses.allSatisfy { try !$0.hasListener } }
  }

  /// How many connections were cut at the end, as the log tells it.
  var connectionsCut: Int? {
    for line in log.split(separator: "\n").reversed() where line.contains("cut") {
      if let count = line.firstMatch(of: /[0-9]+/) { return Int(count.output) }
      if line.contains("no connection") { return 0 }
    }
    return nil
  }
}
