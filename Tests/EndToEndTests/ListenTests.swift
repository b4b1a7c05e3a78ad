import Foundation
import Synchronization
import Testing

/// Sockets that sniproxy opens itself.
@Suite(.scratch)
struct ListenTests {
  @Test func `every address is served`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("here")
    let path = Scratch.current.file("listener")
    let proxy = try Proxy(hosts, listen: ["127.0.0.1:0", "[::1]:0", "unix:\(path)", "127.0.0.1:0"])
    #expect(Set(proxy.addresses.map(\.description)).count == 4)
    for address in proxy.addresses {
      let client = try Connection(to: address)
      try client.send(Hello("a.test").bytes)
      #expect(try client.receiveAll().bytes == Array("here".utf8))
    }
  }

  @Test(arguments: [":0", "0"])
  func `a port alone serves IPv4 and IPv6`(address: String) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("here")
    let proxy = try Proxy(hosts, listen: [address])
    for address in [Address.ip4(proxy.port), .ip6(proxy.port)] {
      let client = try Connection(to: address)
      try client.send(Hello("a.test").bytes)
      #expect(try client.receiveAll().bytes == Array("here".utf8))
    }
  }

  /// The kernel has IPv6 here, so the first socket of the main thread, the one to listen on, is made to fail as without it.
  @Test(.requires("strace"))
  func `a port alone serves IPv4 where the kernel has no IPv6`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("here")
    let log = Scratch.current.file("strace")
    let child = try Child(
      "strace",
      [
        "-o", log, "-e", "trace=socket", "-e", "inject=socket:error=EAFNOSUPPORT:when=1",
        try Program.path("sniproxy"), "--hosts", hosts.path, "--listen", ":0",
      ])
    var addresses: [Address] = []
    try eventually("a listening socket: \(child.error)") {
      guard child.isRunning else { throw Failure("sniproxy ended: \(child.error)") }
      addresses = Proxy.addresses(in: child.error)
      return !addresses.isEmpty
    }
    let trace = try String(contentsOfFile: log, encoding: .utf8)
    try #require(trace.contains("AF_INET6") && trace.contains("INJECTED"), "\(trace)")
    let client = try Connection(to: .ip4(addresses[0].port))
    try client.send(Hello("a.test").bytes)
    #expect(try client.receiveAll().bytes == Array("here".utf8))
  }

  @Test func `a stop without patience leaves no Unix socket`() throws {
    let path = Scratch.current.file("listener")
    let proxy = try Proxy(
      HostsDirectory(), options: ["--drain-timeout", "0", "--workers", "4"], listen: ["unix:\(path)"])
    try proxy.stop()
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  /// Anybody who may read it can do so.
  @Test func `a lock on the directory of a Unix socket does not keep it from starting`() throws {
    let directory = unsafe open(Scratch.current.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    defer { close(directory) }
    #expect(flock(directory, LOCK_SH) == 0)
    let proxy = try Proxy(HostsDirectory(), listen: ["unix:\(Scratch.current.file("listener"))"])
    try proxy.stop()
  }

  /// Where one listener alone has more clients than may be there.
  @Test func `at the limit every listener has its turn`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("here")
    let proxy = try Proxy(
      hosts, options: ["--max-connections", "1", "--workers", "1"], listen: ["127.0.0.1:0", "127.0.0.1:0"])
    let addresses = proxy.addresses
    let crowd = Mutex(true)
    @Sendable func ask(_ index: Int) throws {
      let client = try Connection(to: addresses[index])
      defer { client.close() }
      try client.send(Hello("a.test").bytes)
      #expect(try client.receiveAll().bytes == Array("here".utf8))
    }
    try Scratch.inParallel(9) { number in
      if number == 0 {
        defer { crowd.withLock { $0 = false } }
        for _ in 0..<5 { try ask(1) }
      } else {
        while crowd.withLock({ $0 }) { try ask(0) }
      }
    }
  }

  @Test func `a start that fails leaves no Unix socket`() throws {
    let path = Scratch.current.file("listener")
    let child = try Child(
      try Program.path("sniproxy"),
      ["--hosts", HostsDirectory().path, "--listen", "unix:\(path)", "--listen", "192.0.2.1:1"])
    #expect(try child.wait() == .exited(111))
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func `a stale Unix socket is replaced, and removed at the end`() throws {
    let hosts = try HostsDirectory()
    let path = Scratch.current.file("listener")
    try Listener(.unix(path)).close()
    try #require(FileManager.default.fileExists(atPath: path))
    let proxy = try Proxy(hosts, listen: ["unix:\(path)"])
    try proxy.connect().close()
    try proxy.stop()
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  @Test func `a live Unix socket is an error`() throws {
    let hosts = try HostsDirectory()
    let path = Scratch.current.file("listener")
    let owner = try Listener(.unix(path))
    let (status, _, error) = try run(
      try Program.path("sniproxy"), "--hosts", hosts.path, "--listen", "unix:\(path)")
    #expect(status == .exited(111))
    #expect(error.contains(path))
    let client = try Connection(to: .unix(path))
    while let asked = try owner.acceptIfAny() { asked.close() }
    client.close()
  }

  @Test func `a file that is no socket is not touched`() throws {
    let hosts = try HostsDirectory()
    let path = Scratch.current.file("file")
    try "precious".write(toFile: path, atomically: false, encoding: .utf8)
    let (status, _, error) = try run(
      try Program.path("sniproxy"), "--hosts", hosts.path, "--listen", "unix:\(path)")
    #expect(status == .exited(111))
    #expect(error.contains(path))
    #expect(try String(contentsOfFile: path, encoding: .utf8) == "precious")
  }

  @Test func `a Unix socket that is no longer ours stays`() throws {
    let hosts = try HostsDirectory()
    let path = Scratch.current.file("listener")
    let proxy = try Proxy(hosts, listen: ["unix:\(path)"])
    try FileManager.default.removeItem(atPath: path)
    let successor = try Listener(.unix(path))
    try proxy.stop()
    let client = try Connection(to: .unix(path))
    try successor.accept().close()
    try client.expectEnd()
  }

  @Test func `a Unix socket is removed when another address cannot be bound`() throws {
    let hosts = try HostsDirectory()
    let path = Scratch.current.file("listener")
    let (status, _, _) = try run(
      try Program.path("sniproxy"), "--hosts", hosts.path, "--listen", "unix:\(path)", "--listen", "192.0.2.1:0")
    #expect(status == .exited(111))
    #expect(!FileManager.default.fileExists(atPath: path))
  }

  /// No client's socket ever becomes standard input, output or error.
  @Test(arguments: [[0, 1, 2], [0], [2]] as [[Int32]])
  func `closed standard descriptors become the null device`(closed: [Int32]) throws {
    let hosts = try HostsDirectory()
    let path = Scratch.current.file("listener")
    let sources = Dictionary(uniqueKeysWithValues: closed.map { ($0, Child.Source.closed) })
    let child = try Child(
      try Program.path("sniproxy"), ["--hosts", hosts.path, "--listen", "unix:\(path)"], descriptors: sources)
    try eventually("a listening socket") { (try? Connection(to: .unix(path))) != nil }
    for descriptor in closed {
      let destination = try FileManager.default.destinationOfSymbolicLink(
        atPath: "/proc/\(child.pid)/fd/\(descriptor)")
      #expect(destination == "/dev/null")
    }
    let client = try Connection(to: .unix(path))
    try client.send("no TLS at all, which the log tells\r\n")
    #expect(try client.receiveAlert() == 10)
  }
}
