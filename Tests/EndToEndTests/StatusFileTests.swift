import Foundation
import Testing

/// The status file from the start of the program to after its end, and what becomes of one that cannot be made.
@Suite(.scratch)
struct StatusFileTests {
  // MARK: - The life of the file

  @Test func `it tells what the program is, and how it ended`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").answer("answer")
    let counted = try CountedProxy(
      hosts,
      options: ["--workers", "3", "--hello-timeout", "1.5", "--connect-timeout", "2", "--drain-timeout", "600"])
    try eventually("it to run") { try counted.status().state == "running" }
    let running = try counted.status()
    #expect(running.isAlive && running["process"] == Int(counted.proxy.child.pid) && running["workers"] == 3)
    #expect(running["helloTimeout"] == 1_500_000_000 && running["connectTimeout"] == 2_000_000_000)
    #expect(running["drainTimeout"] == 600_000_000_000 && running["maxConnections"] > 0)
    #expect(running["total.accepting.yes"] == 3)
    #expect(try run(Program.path("sniproxy"), "--version").output == "sniproxy \(running.text("program"))\n")
    #expect(abs(Double(running["startedAt"]) / 1e9 - Date().timeIntervalSince1970) < 2 * patience)
    #expect(try counted.proxy.ask("test.test") == "answer")
    try counted.expect([
      "accepted": 1, "times.hello": 1, "times.lookUp": 1, "times.connect": 1, "relayed": 1, "end.finished": 1,
    ])
    try counted.proxy.stop()
    let ended = try counted.status()
    #expect(ended.state == "ended" && !ended.isAlive && ended["stateSince"] > running["stateSince"])
    #expect(ended["total.relayed"] == 1 && ended["total.open"] == 0 && ended["total.accepting.yes"] == 0)
    #expect(try counted.names == ["status"])
  }

  @Test func `after a crash it tells what was`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").echo()
    let counted = try CountedProxy(hosts)
    let client = try counted.proxy.connect(Passage.hello)
    _ = try client.receive(Passage.hello.bytes.count)
    counted.proxy.child.signal(SIGKILL)
    #expect(try counted.proxy.child.wait() == .signalled(SIGKILL))
    let status = try counted.status()
    #expect(status.state == "running" && !status.isAlive)
    #expect(status["total.open"] == 1 && status["total.relayed"] == 1)
    let next = try Proxy(hosts, "--status", counted.path)
    #expect(try counted.status()["process"] == Int(next.child.pid))
    #expect(try counted.status().isAlive && counted.status()["total.accepted"] == 0)
    #expect(try counted.names == ["status"])
  }

  @Test func `a draining and a new copy have a file each`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("echo.test").echo()
    try hosts.addBackend("test.test").answer("new")
    let old = try CountedProxy(hosts, options: ["--drain-timeout", "600"])
    let client = try old.proxy.connect(Hello("echo.test"))
    let size = Hello("echo.test").bytes.count
    _ = try client.receive(size)
    // A second name, by which the old file is found when it has lost its own.
    #expect(unsafe Glibc.link(old.path, "\(old.path).old") == 0)
    old.proxy.child.signal(SIGTERM)
    try old.proxy.awaitStopOfAccepting()
    let new = try Proxy(hosts, options: ["--status", old.path], listen: ["\(old.proxy.addresses[0])"])
    #expect(try new.ask("test.test") == "new")
    try client.send("still here")
    _ = try client.receive(10)
    func drained() throws -> StatusReading { try StatusReading("\(old.path).old") }
    try eventually("each to count in its own") {
      let (drained, status) = try (drained(), old.status())
      return drained["total.uploaded"] == size + 10 && status["total.relayed"] == 1
        && status["total.uploaded"] == Hello("test.test").bytes.count
    }
    let (draining, running) = try (drained(), old.status())
    #expect(draining.state == "draining" && draining.isAlive)
    #expect(draining["process"] == Int(old.proxy.child.pid))
    #expect(running.state == "running" && running.isAlive && running["process"] == Int(new.child.pid))
    client.finishSending()
    #expect(try old.proxy.child.wait() == .exited(0))
    #expect(try drained().state == "ended" && !drained().isAlive)
    #expect(try old.status().state == "running" && old.status().isAlive)
  }

  /// Of one that drains that is the course of things.
  @Test func `the log tells who lost the file and lives, but of one that drains`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("echo.test").echo()
    let first = try CountedProxy(hosts, options: ["--drain-timeout", "600"])
    let client = try first.proxy.connect(Hello("echo.test"))
    _ = try client.receive(1)
    let second = try Proxy(hosts, "--status", first.path)
    let told = "--status \(first.path): took the place of that of process"
    #expect(second.log.contains("\(told) \(first.proxy.child.pid), which lives"), "\(second.log)")
    try second.stop()
    let third = try CountedProxy(hosts, options: ["--drain-timeout", "600"])
    let another = try third.proxy.connect(Hello("echo.test"))
    _ = try another.receive(1)
    third.proxy.child.signal(SIGTERM)
    try eventually("it to drain") { try third.status().state == "draining" }
    let fourth = try Proxy(hosts, "--status", third.path)
    #expect(!fourth.log.contains("took the place"), "\(fourth.log)")
    withExtendedLifetime((client, another)) {}
  }

  @Test(.requiresRoot) func `with --user it may be in a directory of root's`() throws {
    let hosts = try HostsDirectory()
    let counted = try CountedProxy(hosts, options: ["--user", "nobody"])
    #expect(unsafe chmod(counted.directory, 0o700) == 0)
    #expect(try counted.proxy.refusal(Hello("unknown.test")) == 112)
    try counted.expect(["accepted": 1, "times.hello": 1, "times.lookUp": 1, "refused.unknown_name": 1])
    var status = stat()
    #expect(unsafe stat(counted.path, &status) == 0)
    #expect(status.st_uid == 0 && status.st_mode == S_IFREG | 0o644)
  }

  /// What it writes to is memory: who takes it over cannot fill a disk by way of the file.
  @Test(.looksInside) func `nothing can be written to it but its words`() throws {
    let hosts = try HostsDirectory()
    let counted = try CountedProxy(hosts)
    for number in try counted.proxy.vitals.descriptors {
      let link = "/proc/\(counted.proxy.child.pid)/fd/\(number)"
      guard try FileManager.default.destinationOfSymbolicLink(atPath: link) == counted.path else { continue }
      let information = try String(contentsOfFile: "/proc/\(counted.proxy.child.pid)/fdinfo/\(number)", encoding: .utf8)
      let flags = try #require(information.firstMatch(of: /flags:\s*([0-7]+)/)).output.1
      #expect(Int32(flags, radix: 8)! & O_ACCMODE == O_RDONLY)
    }
  }

  /// To write to what a file no longer has is the end of a process (mmap(2), `SIGBUS`).
  @Test(arguments: [1, 3]) func `one that is cut short is told, and it serves on`(workers: Int) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").answer("answer")
    let counted = try CountedProxy(hosts, options: ["--workers", "\(workers)"])
    #expect(try counted.proxy.ask("test.test") == "answer")
    #expect(unsafe truncate(counted.path, 0) == 0)
    for _ in 0..<10 { #expect(try counted.proxy.ask("test.test") == "answer") }
    try eventually("it to be told: \(counted.proxy.log)") {
      counted.proxy.log.contains("--status \(counted.path): it was cut short")
    }
    #expect(try counted.proxy.ask("test.test") == "answer")
    try counted.proxy.stop()
    #expect(try Data(contentsOf: URL(filePath: counted.path)).isEmpty)
  }

  @Test(.notSanitized("a sanitizer handles signals in its own way"))
  func `any other SIGBUS is its end`() throws {
    let counted = try CountedProxy(try HostsDirectory())
    counted.proxy.child.signal(SIGBUS)
    #expect(try counted.proxy.child.wait() == .signalled(SIGABRT))
  }

  // MARK: - Where there can be none

  @Test(.requiresRoot, .requires("unshare", "mount", "sh"))
  func `on a full disk it runs without`() throws {
    let disk = try Scratch.current.directory("disk")
    let script = "mount -t tmpfs -o size=16k tmpfs \"$0\" && { head -c 64k /dev/zero >\"$0/filler\" || exec \"$@\"; }"
    let proxy = try Self.service(
      options: ["--status", "\(disk)/status"],
      launcher: ["unshare", "--mount", "sh", "-c", script, disk])
    #expect(try Self.names("/proc/\(proxy.child.pid)/root\(disk)") == ["filler"])
    try Self.expectWarning(proxy, "cannot get", "No space left on device")
  }

  @Test(.requires("prlimit"), .notSanitized(by: .thread, "its library reads 512 KiB that it has put into a file"))
  func `where files may not be so large it runs without`() throws {
    let directory = try Scratch.current.directory("status")
    let proxy = try Self.service(
      options: ["--status", "\(directory)/status", "--workers", "8"], launcher: ["prlimit", "--fsize=2000"])
    try Self.expectWarning(proxy, "cannot get", "File too large")
    #expect(try Self.names(directory).isEmpty)
  }

  /// It is right about its own process.
  @Test(
    .requires("prlimit"), .notSanitized(by: .thread, "its library reads 512 KiB that it has put into a file"),
    arguments: [true, false])
  func `where it runs without, the file of another stays`(lives: Bool) throws {
    let directory = try Scratch.current.directory("status")
    let other = try Self.service(options: ["--status", "\(directory)/status"])
    if !lives { try other.stop() }
    let proxy = try Self.service(
      options: ["--status", "\(directory)/status", "--workers", "8"], launcher: ["prlimit", "--fsize=2000"])
    let whose = "process \(other.child.pid), which \(lives ? "lives" : "is gone")"
    try Self.expectWarning(proxy, "File too large", "The file that is there stays: it is that of \(whose)")
    let status = try StatusReading("\(directory)/status")
    #expect(status.isAlive == lives && status["process"] == Int(other.child.pid))
    #expect(try Self.names(directory) == ["status"])
  }

  @Test func `the end of a line in its name ends no line of the log`() throws {
    let proxy = try Self.service(options: ["--status", Scratch.current.file("missing") + "/two\nlines"])
    try Self.expectWarning(proxy, #"/two\x0alines"#, "No such file or directory")
  }

  @Test(.requiresRoot, .requires("setpriv")) func `where it may not write it runs without`() throws {
    let directory = try Scratch.current.directory("status")
    let proxy = try Self.service(options: ["--status", "\(directory)/status"], launcher: ["setpriv"] + asUser(2001))
    try Self.expectWarning(proxy, "cannot make a file", "Permission denied")
    #expect(try Self.names(directory).isEmpty)
  }

  @Test func `where there is no directory it runs without`() throws {
    let proxy = try Self.service(options: ["--status", Scratch.current.file("missing") + "/status"])
    try Self.expectWarning(proxy, "cannot make a file", "No such file or directory")
  }

  @Test(arguments: [
    ("", "Name a file, and not a directory"), ("/", "Name a file, and not a directory"),
    ("/" + String(repeating: "a", count: 300), "shorter name"),
  ])
  func `what is no name of a file is told, with what to do`(end: String, advice: String) throws {
    let path = end.isEmpty ? "" : try Scratch.current.directory("status") + end
    try Self.expectWarning(try Self.service(options: ["--status", path]), "cannot", advice)
  }

  @Test func `what is no status file is left alone, and a link is replaced`() throws {
    let directory = try Scratch.current.directory("status")
    let precious = "\(directory)/precious"
    try "precious".write(toFile: precious, atomically: false, encoding: .utf8)
    let refused = try Self.service(options: ["--status", precious])
    try Self.expectWarning(refused, "something else is there", "Remove that")
    try link("\(directory)/status", to: "precious")
    let proxy = try Self.service(options: ["--status", "\(directory)/status"])
    #expect(try StatusReading("\(directory)/status")["process"] == Int(proxy.child.pid))
    #expect(try String(contentsOfFile: precious, encoding: .utf8) == "precious")
    #expect(try Self.names(directory) == ["precious", "status"])
  }

  /// A start that fails leaves the file of who serves.
  @Test func `a start that cannot listen leaves the file alone`() throws {
    let hosts = try HostsDirectory()
    let counted = try CountedProxy(hosts)
    let failed = try run(
      Program.path("sniproxy"), "--hosts", hosts.path, "--listen", "\(counted.proxy.addresses[0])", "--status",
      counted.path)
    #expect(failed.status == .exited(111))
    #expect(try counted.status()["process"] == Int(counted.proxy.child.pid))
    #expect(try counted.names == ["status"])
  }

  private static func service(options: [String], launcher: [String] = []) throws -> Proxy {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").answer("answer")
    unsafe chmod("\(hosts.path)/test.test/tls-socket", 0o777)
    return try Proxy(hosts, options: options, launcher: launcher)
  }

  /// One line that says what was not possible, and why; and it serves.
  private static func expectWarning(_ proxy: Proxy, _ what: String, _ why: String) throws {
    let lines = proxy.log.split(separator: "\n").filter { $0.contains("--status") }
    #expect(lines.count == 1 && lines[0].contains(what) && lines[0].contains(why), "\(proxy.log)")
    #expect(try proxy.ask("test.test") == "answer")
    try proxy.stop()
  }

  private static func names(_ directory: String) throws -> [String] {
    try FileManager.default.contentsOfDirectory(atPath: directory).sorted()
  }
}
