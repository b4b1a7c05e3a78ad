import Foundation
import Testing

/// `sniproxy-status --serve`, as Prometheus and others meet it.
@Suite(.scratch, .requires("curl"))
struct StatusExporterTests {
  let hosts: HostsDirectory
  let file: String

  init() throws {
    hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("here")
    file = Scratch.current.file("status")
  }

  @Test(arguments: ["127.0.0.1:0", "[::1]:0", "unix:"])
  func `it answers at any address, and leaves no file behind`(listen: String) throws {
    let socket = Scratch.current.file("http")
    let proxy = try Proxy(hosts, "--status", file)
    let exporter = try Exporter(file, listen == "unix:" ? "unix:\(socket)" : listen)
    #expect(try proxy.ask("a.test") == "here")
    let answer = try exporter.get("/metrics")
    #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    #expect(answer.contains("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"))
    #expect(answer.contains("\nsniproxy_up 1\n"))
    exporter.child.signal(SIGTERM)
    #expect(try exporter.child.wait() == .exited(0), "\(exporter.child.error)")
    #expect(!FileManager.default.fileExists(atPath: socket))
  }

  @Test func `each scrape reads the file anew, through the end and start of sniproxy`() throws {
    let exporter = try Exporter(file)
    let none = try exporter.get("/metrics")
    #expect(none.hasPrefix("HTTP/1.1 200 OK\r\n") && none.contains("\nsniproxy_up 0\n"))
    #expect(none.contains("# cannot read \(file): there is no such file"))
    for _ in 0..<2 {
      let proxy = try Proxy(hosts, "--status", file)
      #expect(try exporter.get("/metrics").contains("sniproxy_connections_relayed_total{worker=\"0\"} 0\n"))
      let running = try exporter.get("/metrics")
      #expect(running.contains("\nsniproxy_up 1\n") && running.contains("sniproxy_state{state=\"serving\"} 1\n"))
      #expect(try proxy.ask("a.test") == "here")
      try proxy.stop()
      let ended = try exporter.get("/metrics")
      #expect(ended.contains("\nsniproxy_up 0\n") && ended.contains("sniproxy_state{state=\"ended\"} 1\n"))
      #expect(ended.contains(/\nsniproxy_connections_relayed_total\{worker="[0-9]+"\} 1\n/))
    }
    #expect(exporter.child.isRunning)
  }

  @Test func `the other answers`() throws {
    let exporter = try Exporter(file)
    let page = try exporter.get("/")
    #expect(page.hasPrefix("HTTP/1.1 200 OK\r\n") && page.contains("<a href=\"/metrics\">"))
    #expect(page.contains("cannot read \(file)"))
    let head = try exporter.get("/metrics?x=y", "--head")
    #expect(head.hasPrefix("HTTP/1.1 200 OK\r\n") && head.hasSuffix("\r\n\r\n"), "\(head)")
    #expect(try exporter.get("/other").hasPrefix("HTTP/1.1 404 Not Found\r\n"))
    #expect(try exporter.get("/metrics/").hasPrefix("HTTP/1.1 404 Not Found\r\n"))
    let post = try exporter.get("/metrics", "--data", "x")
    #expect(post.hasPrefix("HTTP/1.1 405 Method Not Allowed\r\n") && post.contains("\r\nAllow: GET, HEAD\r\n"))
  }

  @Test(arguments: [
    ("GET / HTTP/1.1\r\n\r\n", "400"), ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400"),
    ("garbage\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: \(String(repeating: "a", count: 9000))\r\n\r\n", "400"),
    ("GET / HTTP/1.1\r\nHost: a\r\n\(String(repeating: "X: a\r\n", count: 100))\r\n", "400"),
    ("PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n\(String(repeating: "a", count: 100_000))", "413"),
    ("GET http://a/metrics HTTP/1.1\r\nHost: a\r\n\r\n", "200"), ("GET /metrics HTTP/1.0\r\n\r\n", "200"),
  ])
  func `requests out of the ordinary are answered too, and have bounds`(request: String, status: String) throws {
    let exporter = try Exporter(file)
    let client = try Connection(to: exporter.address)
    try client.send(request)
    let begin = String(decoding: try client.receive(12), as: UTF8.self)
    #expect(begin == "HTTP/1.1 \(status)")
  }

  @Test func `a connection serves one request after the other`() throws {
    let exporter = try Exporter(file)
    let client = try Connection(to: exporter.address)
    let request = "GET /other HTTP/1.1\r\nHost: a\r\n\r\n"
    try client.send(request + request)
    try client.send("GET /other HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    let answers = String(decoding: try client.receiveAll().bytes, as: UTF8.self)
    #expect(answers.matches(of: /HTTP\/1.1 404 Not Found\r\n/).count == 3, "\(answers)")
  }

  /// More than it serves at once: those that are idle longest have to go.
  @Test func `many silent clients keep nobody out`() throws {
    let exporter = try Exporter(file)
    let silent = try (0..<300).map { number in
      let client = try Connection(to: exporter.address)
      if number % 2 == 0 { try client.send("GET /metrics HT") }
      return client
    }
    let address = exporter.address
    try Scratch.inParallel(20) { _ in
      let answer = try Exporter.get(address, "/metrics")
      #expect(answer.hasPrefix("HTTP/1.1 200 OK\r\n"))
    }
    let descriptors = { try FileManager.default.contentsOfDirectory(atPath: "/proc/\(exporter.child.pid)/fd").count }
    #expect(try descriptors() < 90)
    for client in silent { client.close() }
    try eventually("it to forget them") { try descriptors() < 30 }
  }

  @Test(.requires("prlimit"), arguments: ["32:32", "20:64"])
  func `it serves no more clients than it has descriptors for`(limit: String) throws {
    let exporter = try Exporter(file, launcher: ["prlimit", "--nofile=\(limit)"])
    let silent = try (0..<80).map { _ in try Connection(to: exporter.address) }
    #expect(try exporter.get("/metrics").contains("\nsniproxy_up 0\n"))
    #expect(!exporter.child.error.contains("paused"), "\(exporter.child.error)")
    withExtendedLifetime(silent) {}
  }

  @Test(.requires("prlimit")) func `a client that cannot be accepted costs no time, and is told`() throws {
    let exporter = try Exporter(file)
    let vitals = Vitals(pid: exporter.child.pid)
    func limit(_ descriptors: Int) throws {
      let done = try run("prlimit", "--pid", "\(exporter.child.pid)", "--nofile=\(descriptors):")
      #expect(done.status == .exited(0), "\(done.error)")
    }
    let used = try vitals.descriptors
    try limit(try #require((0...).first { !used.contains($0) }))
    let client = try Connection(to: exporter.address)
    try eventually("it to be told") { exporter.child.error.contains("accepting paused for a moment") }
    let (begin, before) = (Alarm(in: 0), try vitals.processorTime)
    // The time has to pass.
    usleep(2_000_000)
    #expect(try vitals.processorTime - before < begin.elapsed / 10)
    try limit(100)
    try client.send("GET /metrics HTTP/1.0\r\n\r\n")
    #expect(try client.receive(12) == Array("HTTP/1.1 200".utf8))
  }

  /// What a client does not take waits for it alone.
  @Test func `a client that does not read holds nobody up`() throws {
    let proxy = try Proxy(hosts, "--status", file, "--workers", "64")
    let exporter = try Exporter(file)
    let slow = try Connection(to: exporter.address)
    let request = "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"
    for _ in 0..<100 { try slow.send(request) }
    #expect(try exporter.get("/metrics").contains("sniproxy_up 1"))
    try eventually("the slow one's end, after its 10 seconds") {
      do {
        _ = try slow.sendSome(Array("\r\n".utf8)[...])
        return false
      } catch { return true }
    }
    #expect(try exporter.get("/metrics").contains("sniproxy_up 1"))
    try proxy.stop()
  }

  /// The next request is not answered, nor read, before the answer to the one before is taken.
  @Test func `a client that asks on and on and takes nothing costs one answer`() throws {
    let proxy = try Proxy(hosts, "--status", file, "--workers", "64")
    let exporter = try Exporter(file)
    let vitals = Vitals(pid: exporter.child.pid)
    _ = try exporter.get("/metrics")
    let before = try vitals.anonymousMemory
    let slow = try Connection(to: exporter.address)
    let requests = Array(String(repeating: "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", count: 1000).utf8)
    var sent = 0
    try eventually("the end after its 10 seconds; \(sent) bytes were sent") {
      do {
        while let count = try slow.sendSome(requests[(sent % requests.count)...]) { sent += count }
        #expect(try vitals.anonymousMemory < before + 30_000)
        return false
      } catch { return true }
    }
    #expect(try exporter.get("/metrics").contains("sniproxy_up 1"))
    try proxy.stop()
  }

  /// What they have asked for is in the exporter's memory then, in the midst of an answer.
  @Test func `clients that leave with many questions open do no harm`() throws {
    let proxy = try Proxy(hosts, "--status", file, "--workers", "64")
    let exporter = try Exporter(file)
    let request = String(repeating: "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", count: 100)
    for _ in 0..<3 {
      let clients = try (0..<20).map { _ in
        let client = try Connection(to: exporter.address)
        client.shrinkReceiveBuffer()
        try client.send(request)
        return client
      }
      #expect(try exporter.get("/metrics").contains("sniproxy_up 1"))
      for client in clients { client.close() }
    }
    #expect(try exporter.get("/metrics").contains("sniproxy_up 1"))
    #expect(exporter.child.isRunning)
    try proxy.stop()
  }

  /// The unit may take 64 MB (`MemoryMax=`).
  @Test func `many clients that take nothing cost a few answers`() throws {
    let proxy = try Proxy(hosts, "--status", file, "--workers", "64")
    let exporter = try Exporter(file)
    let vitals = Vitals(pid: exporter.child.pid)
    _ = try exporter.get("/metrics")
    let before = try vitals.anonymousMemory
    let request = String(repeating: "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", count: 100)
    let slow = try (0..<60).map { _ in
      let client = try Connection(to: exporter.address)
      client.shrinkReceiveBuffer()
      try client.send(request)
      return client
    }
    // Every one before it has been served, or has had to go.
    #expect(try exporter.get("/metrics").contains("sniproxy_up 1"))
    // A sanitizer keeps what was freed for a while.
    if Sanitizer.current == nil { #expect(try vitals.anonymousMemory < before + 30_000) }
    withExtendedLifetime(slow) {}
    try proxy.stop()
  }

  @Test func `sockets that are passed are served, and others refused`() throws {
    let passed = try Listener(.ip4(0))
    let child = try serving([3: .descriptor(passed.descriptor)])
    #expect(try Exporter.get(passed.address, "/metrics").contains("\nsniproxy_up 0\n"))
    child.signal(SIGTERM)
    #expect(try child.wait() == .exited(0))
    let client = try Connection(to: passed.address)
    let refused = try serving([3: .descriptor(client.descriptor)])
    #expect(try refused.wait() == .exited(100) && refused.error.contains("descriptor 3"), "\(refused.error)")
  }

  @Test(.requires("systemd-socket-activate"))
  func `systemd-socket-activate starts it`() throws {
    let port = try unusedPort()
    let child = try Child(
      "systemd-socket-activate",
      ["--listen", "127.0.0.1:\(port)", try Program.path("sniproxy-status"), file, "--serve"])
    try eventually("systemd-socket-activate to listen: \(child.error)") { try Address.ip4(port).hasListener }
    for _ in 0..<2 { #expect(try Exporter.get(.ip4(port), "/metrics").contains("\nsniproxy_up 0\n")) }
    child.signal(SIGTERM)
    #expect(try child.wait() == .exited(0), "\(child.error)")
  }

  @Test func `an address that is taken is status 111`() throws {
    let taken = try Listener(.ip4(0))
    let child = try Child(try Program.path("sniproxy-status"), [file, "--serve", "\(taken.address)"])
    #expect(try child.wait() == .exited(111))
    #expect(child.error == "sniproxy-status: cannot listen on \(taken.address): Address already in use (EADDRINUSE)\n")
  }

  /// As a service manager starts it.
  private func serving(_ descriptors: [Int32: Child.Source]) throws -> Child {
    let program = try Program.path("sniproxy-status")
    return try Child(
      "sh", ["-c", "LISTEN_FDS=1 LISTEN_PID=$$ exec \"$@\"", "sh", program, file, "--serve"], descriptors: descriptors)
  }
}
