import Foundation
import Testing

/// What the service manager is told, and how its journal is written to.
@Suite(.scratch)
struct ServiceManagerTests {
  @Test func `it is told of READY, the open connections in STATUS, and STOPPING`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("echo.test").echo()
    let manager = try DatagramSocket("notify")
    let proxy = try Proxy(hosts, "--drain-timeout", "600", environment: ["NOTIFY_SOCKET": manager.path])
    try manager.receive(until: "READY=1")

    let clients = try (0..<3).map { _ in try proxy.connect(Hello("echo.test")) }
    for client in clients { _ = try client.receive(1) }
    clients[0].close()
    try receiveStatus(from: manager, of: 2)

    proxy.child.signal(SIGTERM)
    try manager.receive(until: "STOPPING=1")
    for client in clients { client.close() }
    #expect(try proxy.child.wait() == .exited(0))
  }

  @Test func `READY means that it accepts`() throws {
    let hosts = try HostsDirectory()
    let manager = try DatagramSocket("notify")
    let path = Scratch.current.file("listener")
    let child = try Child(
      try Program.path("sniproxy"), ["--hosts", hosts.path, "--listen", "unix:\(path)"],
      environment: ["NOTIFY_SOCKET": manager.path])
    try manager.receive(until: "READY=1")
    let client = try Connection(to: .unix(path))
    try client.send("no TLS at all")
    #expect(try client.receiveAlert() == 10)
    #expect(child.isRunning)
  }

  @Test(arguments: [false, true])
  func `a manager without a watchdog for this process hears of none`(forAnotherProcess: Bool) throws {
    let manager = try DatagramSocket("notify")
    var environment = ["NOTIFY_SOCKET": manager.path]
    if forAnotherProcess { environment.merge(["WATCHDOG_USEC": "100000", "WATCHDOG_PID": "1"]) { $1 } }
    let proxy = try Proxy(try HostsDirectory(), environment: environment)
    try manager.receive(until: "READY=1")
    let alarm = Alarm(in: 1)
    while let message = manager.receive(within: alarm.remaining) { #expect(!message.contains("WATCHDOG")) }
    #expect(proxy.child.isRunning)
  }

  @Test func `a manager that does not read holds nothing up`() throws {
    let manager = try DatagramSocket("notify")
    try manager.fill()
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("here")
    let proxy = try Proxy(
      hosts, "--drain-timeout", "600", environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "100000"])
    let client = try proxy.connect(Hello("a.test"))
    #expect(try client.receiveAll().bytes == Array("here".utf8))
    client.close()
    try proxy.stop()
  }

  @Test func `a watchdog interval of ages is none too long`() throws {
    let manager = try DatagramSocket("notify")
    let proxy = try Proxy(
      try HostsDirectory(), environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "4611686018427387904"])
    try manager.receive(until: "WATCHDOG=1")
    try proxy.stop()
  }

  @Test(.requires("python3"), arguments: [0, 1])
  func `the watchdog starves once one worker stands still`(worker: Int) throws {
    let manager = try DatagramSocket("notify")
    let proxy = try Proxy(
      try HostsDirectory(), "--workers", "2", environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "300000"])
    for _ in 0..<5 { try manager.receive(until: "WATCHDOG=1") }

    let stopped = try StoppedThread("worker \(worker)", of: proxy.child.pid)
    let alarm = Alarm(in: patience)
    while let message = manager.receive(within: 1.2) {
      if alarm.remaining == 0 { throw Failure("the watchdog is still fed: \(message)") }
    }
    #expect(proxy.child.isRunning)
    stopped.resume()
    for _ in 0..<3 { try manager.receive(until: "WATCHDOG=1") }
    try proxy.stop()
  }

  @Test func `the watchdog is fed while it drains`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("echo.test").echo()
    let manager = try DatagramSocket("notify")
    let proxy = try Proxy(
      hosts, "--drain-timeout", "600", environment: ["NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "300000"])
    let client = try proxy.connect(Hello("echo.test"))
    _ = try client.receive(1)
    proxy.child.signal(SIGTERM)
    try manager.receive(until: "STOPPING=1")
    for _ in 0..<3 { try manager.receive(until: "WATCHDOG=1") }
    client.close()
    #expect(try proxy.child.wait() == .exited(0))
  }

  /// Where the journal's own socket is not to be seen.
  @Test(.requiresRoot, .requires("unshare", "mount", "sh"), arguments: [true, false])
  func `lines for the journal begin with their level, others do not`(isJournal: Bool) throws {
    let log = Scratch.current.file("journal")
    try #require(FileManager.default.createFile(atPath: log, contents: nil))
    let attributes = try FileManager.default.attributesOfItem(atPath: log)
    let device = try #require(attributes[.systemNumber] as? NSNumber)
    let inode = try #require(attributes[.systemFileNumber] as? NSNumber).intValue + (isJournal ? 0 : 1)
    let path = Scratch.current.file("listener")
    let child = try Child(
      "unshare",
      [
        "--mount", "sh", "-c", "mount -t tmpfs tmpfs /run && exec \"$0\" \"$@\"", try Program.path("sniproxy"),
        "--listen", "unix:\(path)",
      ],
      environment: ["JOURNAL_STREAM": "\(device):\(inode)"], descriptors: [2: .file(log)])
    try eventually("a listening socket") { (try? Connection(to: .unix(path)))?.close() != nil }
    let client = try Connection(to: .unix(path))
    try client.send("no TLS at all")
    #expect(try client.receiveAlert() == 10)
    client.close()
    child.signal(SIGTERM)
    #expect(try child.wait() == .exited(0))
    let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n")
    #expect(lines.contains { $0.contains("listening on") } && lines.contains { $0.contains("refused") })
    for line in lines { #expect((line.prefixMatch(of: /<[0-7]>/) != nil) == isJournal, "\(line)") }
  }

  private func receiveStatus(from manager: DatagramSocket, of count: Int) throws {
    let alarm = Alarm(in: patience)
    while let message = manager.receive(within: alarm.remaining) {
      for line in message.split(separator: "\n") where line.hasPrefix("STATUS=") {
        if line.firstMatch(of: /[0-9]+/).flatMap({ Int($0.output) }) == count { return }
      }
    }
    throw Failure("waited \(patience) s in vain for a status that tells \(count) open connections")
  }
}

/// One thread of a process, stopped alone, by a debugger that ends with the test.
private struct StoppedThread {
  private let debugger: Child

  init(_ name: String, of pid: pid_t) throws {
    let tasks = "/proc/\(pid)/task"
    let thread = try FileManager.default.contentsOfDirectory(atPath: tasks).first { thread in
      try String(contentsOfFile: "\(tasks)/\(thread)/comm", encoding: .utf8) == "\(name)\n"
    }
    guard let thread else { throw Failure("process \(pid) has no thread \(name)") }
    let program = """
      import ctypes, os, signal, sys
      PTRACE_SEIZE, PTRACE_INTERRUPT, WALL = 0x4206, 0x4207, 0x40000000
      ptrace = ctypes.CDLL(None, use_errno=True).ptrace
      ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
      thread = int(sys.argv[1])
      for request in PTRACE_SEIZE, PTRACE_INTERRUPT:
          if ptrace(request, thread, None, None): sys.exit(os.strerror(ctypes.get_errno()))
      os.waitpid(thread, WALL)
      print("stopped", flush=True)
      signal.pause()
      """
    let debugger = try Child("python3", ["-c", program, thread])
    self.debugger = debugger
    try eventually("the thread to stop: \(debugger.error)") { debugger.output.contains("stopped") }
  }

  /// Lets it go on, as the kernel does when the debugger ends.
  func resume() { debugger.end() }
}
