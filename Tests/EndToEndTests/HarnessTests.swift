import Testing

@Suite(.scratch)
struct HarnessTests {
  @Test func `raw sockets talk, end and reset`() throws {
    let listener = try Listener(.ip4(0))
    let client = try Connection(to: listener.address)
    let backend = try listener.accept()
    try client.send("question")
    #expect(try backend.receive(8) == Array("question".utf8))
    client.finishSending()
    try backend.expectEnd()
    backend.reset()
    try client.expectEnd(.reset)
  }

  /// More of them than the kernel tells in one part of the file.
  @Test func `a listener is seen among many`() throws {
    let directory = try Scratch.current.directory("listeners")
    let listeners = try (0..<200).map { try Listener(.unix("\(directory)/\($0)")) }
    for listener in listeners { #expect(try listener.address.hasListener, "\(listener.address)") }
    listeners[0].close()
    // A child that another test has just forked may hold it until it executes its program.
    try eventually("the closed one to be gone") { try !listeners[0].address.hasListener }
  }

  @Test func `a backend of threads echoes`() throws {
    let hosts = try HostsDirectory()
    let entry = try hosts.add("echo.test")
    try Listener(in: entry.path).echo()
    let client = try Connection(to: .unix(entry.socket))
    try client.send("question")
    #expect(try client.receive(8) == Array("question".utf8))
  }

  @Test(.requires("nginx", "haproxy", "curl", "openssl"))
  func `nginx and HAProxy answer at their sockets`() throws {
    let hosts = try HostsDirectory()
    let certificate = try Certificate("nginx.test", "haproxy.test")
    let nginx = try hosts.add("nginx.test")
    let haproxy = try hosts.add("haproxy.test")
    _ = try Nginx(at: nginx.socket, certificate)
    _ = try HAProxy(at: haproxy.socket, certificate)
    for entry in [nginx, haproxy] {
      let answer = try run(
        "curl", "-sS", "--cacert", certificate.certificate, "--unix-socket", entry.socket, "https://nginx.test/")
      #expect(answer.status == .exited(0) && answer.output.contains("nginx.test TLSv1.3"), "\(answer)")
    }
  }

  @Test func `a child has the descriptors that it was given, and no others closed`() throws {
    let child = try Child("ls", ["/proc/self/fd"], descriptors: [0: .closed, 2: .closed, 7: .null])
    #expect(try child.wait() == .exited(0))
    let open = child.output.split(separator: "\n")
    #expect(open.contains("7") && open.contains("1") && !open.contains("2"))
  }
}
