import Foundation
import Synchronization
import Testing

/// A look-up steps through the directories of those whose names are asked for, and leaves them again.
@Suite(.scratch, .looksInside)
struct WorkingDirectoryTests {
  /// However the look-up ends. Whoever stayed would keep a file system from being unmounted.
  @Test func `no host's directory is kept busy`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("served.test").answer("here")
    try hosts.addBackend("headed.test", flags: .v2).answer("here")
    try hosts.addBackend("dead.test").close()
    try hosts.add("empty.test")
    _ = try hosts.addBackend("full.test", backlog: 0)
    _ = try Connection.fillBacklog(of: "\(hosts.path)/full.test/tls-socket")
    let proxy = try Proxy(hosts, "--workers", "2", "--connect-timeout", "0.1")
    let allowed = try proxy.vitals.workingDirectories.union([hosts.path])
    try #require(allowed.allSatisfy { !$0.hasPrefix("\(hosts.path)/") })
    for _ in 0..<10 {
      #expect(try proxy.ask("served.test") == "here")
      #expect(try proxy.ask("headed.test") == "here")
      for (name, alert) in [("dead.test", 80), ("empty.test", 112), ("full.test", 80), ("unknown.test", 112)] {
        #expect(try proxy.refusal(Hello(name)) == UInt8(alert))
        #expect(try proxy.vitals.workingDirectories.isSubset(of: allowed), "after \(name)")
      }
    }
  }

  /// Who can no longer search the hosts directory knows no name, and does not look it up where it just was.
  @Test(.requiresRoot)
  func `without search permission on the hosts directory nobody is served`() throws {
    let hosts = try HostsDirectory()
    let (proxy, answers) = try Self.withDecoys(hosts)
    for _ in 0..<5 {
      #expect(try proxy.ask("first.test") == answers["first.test"])
      try Self.allowSearch(hosts, false)
      for name in ["first.test", "second.test"] { #expect(try proxy.refusal(Hello(name)) == 112) }
      try Self.allowSearch(hosts, true)
      #expect(try proxy.ask("second.test") == answers["second.test"])
    }
  }

  /// While a look-up is under way, too.
  @Test(.requiresRoot)
  func `with search permission coming and going nobody is served by another`() throws {
    let hosts = try HostsDirectory()
    let (proxy, answers) = try Self.withDecoys(hosts)
    let address = proxy.addresses[0]
    let isOver = Atomic(false)
    let served = Atomic(0)
    try Scratch.inParallel(3) { part in
      if part == 0 {
        while !isOver.load(ordering: .acquiring) {
          for isAllowed in [false, true] { try Self.allowSearch(hosts, isAllowed) }
        }
        return
      }
      defer { isOver.store(true, ordering: .releasing) }
      for turn in 0..<Sanitizer.rounds(500) {
        let name = turn % 2 == 0 ? "first.test" : "second.test"
        let client = try Connection(unattended: address)
        defer { client.close() }
        try client.send(Hello(name).bytes)
        let (bytes, _) = try client.receiveAll()
        if bytes == [21, 3, 3, 0, 2, 2, 112] { continue }
        guard String(decoding: bytes, as: UTF8.self) == answers[name] else { throw Failure("\(name) got \(bytes)") }
        served.add(1, ordering: .relaxed)
      }
    }
    #expect(served.load(ordering: .relaxed) > 0)
    for (name, answer) in answers { #expect(try proxy.ask(name) == answer) }
  }

  /// Each host's directory has the other one's name in it, with another backend. The proxy is no superuser.
  private static func withDecoys(_ hosts: HostsDirectory) throws -> (Proxy, [String: String]) {
    let names = ["first.test", "second.test"]
    for name in names {
      try hosts.addBackend(name).answer("the true \(name)")
      for decoy in names { try HostsDirectory(path: "\(hosts.path)/\(name)").addBackend(decoy).answer("a decoy") }
    }
    let sockets = names.flatMap { name in [name] + names.map { "\(name)/\($0)" } }
    for socket in sockets { try allow("\(hosts.path)/\(socket)/tls-socket", 0o777) }
    let proxy = try Proxy(hosts, "--workers", "1", "--user", "54321")
    return (proxy, Dictionary(uniqueKeysWithValues: names.map { ($0, "the true \($0)") }))
  }

  private static func allowSearch(_ hosts: HostsDirectory, _ isAllowed: Bool) throws {
    try allow(hosts.path, isAllowed ? 0o711 : 0o700)
  }

  private static func allow(_ path: String, _ mode: mode_t) throws {
    guard unsafe chmod(path, mode) == 0 else { throw Failure("cannot change the mode of \(path): \(lastError)") }
  }
}
