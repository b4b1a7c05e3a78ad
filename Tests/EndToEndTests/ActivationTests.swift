import Foundation
import Testing

/// Listening sockets that others opened: on standard input, from systemd's tools, from inetd.
@Suite(.scratch)
struct ActivationTests {
  let hosts: HostsDirectory

  init() throws {
    hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("here")
  }

  @Test(arguments: [Address.ip4(0), .ip6(0), .unix("passed")])
  func `a listening socket as standard input is served, by one copy after the other`(wanted: Address) throws {
    let listener = try Listener(wanted == .unix("passed") ? .unix(Scratch.current.file("passed")) : wanted)
    let proxy = try Proxy(hosts, listen: [], descriptors: [0: .descriptor(listener.descriptor)])
    #expect(try ask(listener.address) == "here")
    try proxy.stop()
    let successor = try Proxy(hosts, listen: [], descriptors: [0: .descriptor(listener.descriptor)])
    #expect(try ask(listener.address) == "here")
    try successor.stop()
    if case .unix(let path) = listener.address {
      #expect(FileManager.default.fileExists(atPath: path), "the socket of somebody else stays")
    }
  }

  /// `--listen` comes first of the three ways.
  @Test func `standard input is left alone where an address is given`() throws {
    let listener = try Listener(.ip4(0))
    let proxy = try Proxy(hosts, descriptors: [0: .descriptor(listener.descriptor)])
    #expect(try proxy.ask("a.test") == "here")
    let client = try Connection(to: listener.address)
    try listener.accept().close()
    try client.expectEnd()
  }

  @Test(.requires("systemd-socket-activate"))
  func `one socket from systemd-socket-activate`() throws {
    let port = try unusedPort()
    let child = try socketActivate(["127.0.0.1:\(port)"])
    #expect(try ask(.ip4(port)) == "here")
    #expect(try ask(.ip4(port)) == "here")
    child.signal(SIGTERM)
    #expect(try child.wait() == .exited(0), "\(child.error)")
  }

  @Test(.requires("systemd-socket-activate"))
  func `all sockets from systemd-socket-activate are served`() throws {
    let ports = try [unusedPort(), unusedPort()]
    let path = Scratch.current.file("passed")
    let child = try socketActivate(["127.0.0.1:\(ports[0])", "[::1]:\(ports[1])", path])
    for address in [Address.unix(path), .ip6(ports[1]), .ip4(ports[0])] { #expect(try ask(address) == "here") }
    child.signal(SIGTERM)
    #expect(try child.wait() == .exited(0), "\(child.error)")
  }

  @Test func `sockets from the service manager come before standard input`() throws {
    let (input, passed) = try (Listener(.ip4(0)), Listener(.ip4(0)))
    let child = try serviceManager([
      0: .descriptor(input.descriptor), 3: .descriptor(passed.descriptor),
    ])
    #expect(try ask(passed.address) == "here")
    let client = try Connection(to: input.address)
    try input.accept().close()
    try client.expectEnd()
    #expect(child.isRunning)
  }

  @Test func `a passed descriptor that does not listen ends it with 100`() throws {
    let listener = try Listener(.ip4(0))
    let client = try Connection(to: listener.address)
    let child = try serviceManager([0: .descriptor(listener.descriptor), 3: .descriptor(client.descriptor)])
    #expect(try child.wait() == .exited(100))
    #expect(child.error.contains("descriptor 3"))
  }

  /// The variables of systemd count for the process that they name only.
  @Test func `sockets for another process are not ours`() throws {
    let listener = try Listener(.ip4(0))
    let child = try Child(
      try Program.path("sniproxy"), ["--hosts", hosts.path], environment: ["LISTEN_PID": "1", "LISTEN_FDS": "1"],
      descriptors: [3: .descriptor(listener.descriptor)])
    #expect(try child.wait() == .exited(100))
  }

  @Test(.requires("systemd-socket-activate"))
  func `systemd-socket-activate --inetd`() throws {
    let port = try unusedPort()
    let child = try socketActivate(["127.0.0.1:\(port)"], "--inetd")
    #expect(try ask(.ip4(port)) == "here")
    let client = try Connection(to: .ip4(port))
    try client.send("no TLS at all")
    #expect(try client.receiveAlert() == 10)
    try eventually("the log on standard error: \(child.error)") { child.error.contains("refused") }
  }

  /// inetd passes the listening socket as descriptors 0, 1 and 2. What is written to it fails, so the system calls tell.
  @Test(.requires("strace"))
  func `nothing is written to a listening socket that is descriptors 0, 1 and 2`() throws {
    let listener = try Listener(.ip4(0))
    let trace = Scratch.current.file("trace")
    let calls = "trace=write,writev,sendto,sendmsg,sendmmsg"
    let passed = Child.Source.descriptor(listener.descriptor)
    let child = try Child(
      "sh",
      ["-c", "exec strace -f -y -e \(calls) -o \"$1\" \"$2\" --hosts \"$3\" 2>&1"]
        + ["sh", trace, try Program.path("sniproxy"), hosts.path],
      descriptors: [0: passed, 1: passed, 2: passed])
    let client = try Connection(to: listener.address)
    try client.send("no TLS at all")
    #expect(try client.receiveAlert() == 10)
    let sniproxy = try #require(try children(of: child.pid).first)
    for descriptor in 0..<3 {
      #expect(
        try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(sniproxy)/fd/\(descriptor)") == "/dev/null")
    }
    client.close()
    kill(sniproxy, SIGTERM)
    #expect(try child.wait() == .exited(0))
    let written = try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n")
    #expect(written.contains { $0.contains("TCP:[") || $0.contains("socket:[") }, "the alert is among the calls")
    #expect(!written.contains { $0.contains("127.0.0.1:\(listener.address.port)]>") && !$0.contains("->") })
    #expect(!written.contains { $0.contains(/(write|writev|sendto|sendmsg|sendmmsg)\([012]<(TCP|socket)/) })
  }

  @Test(.requiresNamespaces, .requires("inetd"))
  func `inetd starts it anew after an idle exit, and its log goes to syslog`() throws {
    let port = try unusedPort()
    let configuration = Scratch.current.file("inetd.conf")
    let program = try Program.path("sniproxy")
    try "127.0.0.1:\(port) stream tcp4 wait root \(program) sniproxy --hosts \(hosts.path) --idle-exit 0.5\n"
      .write(toFile: configuration, atomically: false, encoding: .utf8)
    let syslog = try DatagramSocket("syslog")
    let inetd = try isolated("inetd", ["-i", configuration], syslog: syslog)
    try eventually("inetd to listen: \(inetd.error)") { try Address.ip4(port).hasListener }
    for _ in 0..<2 {
      #expect(try ask(.ip4(port)) == "here")
      let client = try Connection(to: .ip4(port))
      try client.send("no TLS at all")
      #expect(try client.receiveAlert() == 10)
      client.close()
      try syslog.receive(until: "refused")
      // It has had nothing to do, and the next client gets a new one.
      try syslog.receive(until: "stopped")
    }
    #expect(!(inetd.output + inetd.error).contains("sniproxy"))
  }

  @Test(.requiresNamespaces, .requires("inetd"))
  func `it finds a syslog that was started again`() throws {
    let port = try unusedPort()
    let configuration = Scratch.current.file("inetd.conf")
    let program = try Program.path("sniproxy")
    try "127.0.0.1:\(port) stream tcp4 wait root \(program) sniproxy --hosts \(hosts.path)\n"
      .write(toFile: configuration, atomically: false, encoding: .utf8)
    let syslog = try DatagramSocket("syslog")
    let inetd = try isolated("inetd", ["-i", configuration], syslog: syslog)
    try eventually("inetd to listen: \(inetd.error)") { try Address.ip4(port).hasListener }
    #expect(try ask(.ip4(port)) == "here")
    try syslog.receive(until: "listening on")
    try syslog.restart()
    let client = try Connection(to: .ip4(port))
    try client.send("no TLS at all")
    #expect(try client.receiveAlert() == 10)
    client.close()
    try syslog.receive(until: "refused")
  }

  /// Starts sniproxy as systemd does, which passes descriptor 3.
  private func serviceManager(_ descriptors: [Int32: Child.Source]) throws -> Child {
    let program = try Program.path("sniproxy")
    return try Child(
      "sh", ["-c", "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"", "sh", program, "--hosts", hosts.path],
      descriptors: descriptors)
  }

  private func socketActivate(_ addresses: [String], _ options: String...) throws -> Child {
    let child = try Child(
      "systemd-socket-activate",
      options + addresses.flatMap { ["--listen", $0] } + [try Program.path("sniproxy"), "--hosts", hosts.path])
    let count = addresses.count
    try eventually("systemd-socket-activate to listen: \(child.error)") {
      guard child.isRunning else { throw Failure("it ended: \(child.error)") }
      return child.error.split(separator: "\n").count { $0.contains("Listening on ") } >= count
    }
    return child
  }

  private func ask(_ address: Address) throws -> String {
    let client = try Connection(to: address)
    defer { client.close() }
    try client.send(Hello("a.test").bytes)
    return String(decoding: try client.receiveAll().bytes, as: UTF8.self)
  }
}

/// The processes that a process has started.
func children(of pid: pid_t) throws -> [pid_t] {
  try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task").flatMap { thread in
    try String(contentsOfFile: "/proc/\(pid)/task/\(thread)/children", encoding: .utf8)
      .split(separator: " ").compactMap { pid_t($0) }
  }
}
