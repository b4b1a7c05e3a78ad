import Foundation
import Synchronization
import Testing

/// sniproxy-check in a hosts directory of people who mean it harm.
@Suite(.scratch)
struct CheckHostileTests {
  @Test func `no name steers the terminal`() throws {
    let hosts = try HostsDirectory()
    let evil = "\u{1b}[2J\u{7}\r\n\t\u{202e}\u{85}'\"\\"
    for name in ["\(evil).test", "own.test", "link.test"] { try hosts.add(name) }
    try link("\(hosts.path)/own.test/tls-sock\u{1b}[1m", to: "x")
    try link("\(hosts.path)/link.test/tls-socket", to: "\(evil)/\u{1b}]0;x\u{7}")
    let bytes: [UInt8] = Array("\(hosts.path)/".utf8) + [0xff, 0x9b, 0x31, 0x6d, 0]
    try #require(
      unsafe bytes.withUnsafeBytes { unsafe mkdir($0.assumingMemoryBound(to: CChar.self).baseAddress!, 0o755) } == 0)
    for option in ["--color=never", "--json"] {
      let check = try Check(option, hosts.path)
      #expect(check.status == .exited(1))
      let output = try Data(contentsOf: URL(filePath: check.outputPath))
      #expect(output.allSatisfy { $0 == 0x0a || 0x20...0x7e ~= $0 }, "\(check.output)")
    }
    #expect(try Check(hosts, []).report().entries.count == 4)
  }

  @Test func `nothing of users is opened`() throws {
    let hosts = try HostsDirectory()
    let path = try hosts.add("a.test").path
    for name in ["tls-socket", "send-proxy-v1", "other"] { unsafe mkfifo("\(path)/\(name)", 0o666) }
    unsafe mkfifo("\(hosts.path)/fifo.test", 0o666)
    try link("\(hosts.path)/zero.test", to: "/dev/zero")
    try link(hosts.add("tty.test").socket, to: "/dev/tty")
    try link(hosts.add("proc.test").socket, to: "/proc/self/fd/0")
    #expect(try Check(hosts, []).report().entries.count == 5)
  }

  /// What a user leads a name to is not opened, removed or given away by a command that is offered.
  @Test(.requiresRoot) func `no command does a user's will`() throws {
    let hosts = try HostsDirectory()
    let secret = try Scratch.current.directory("secret")
    try HostsDirectory(path: secret).addBackend("site").answer("secret")
    let bobs = try Scratch.current.directory("bob")
    try HostsDirectory(path: bobs).addBackend("site").answer("bob's")
    for path in [bobs, "\(bobs)/site", "\(bobs)/site/tls-socket"] { unsafe chown(path, 8765, 8765) }
    let listening = Scratch.current.file("socket")
    try Listener(.unix(listening)).answer("root's")
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: secret)
    for (name, target) in [
      ("file", "/etc/shadow"), ("closed-socket", listening), ("secret", "\(secret)/site/tls-socket"),
      ("bob", "\(bobs)/site/tls-socket"), ("directory", "/etc"), ("none", "/etc/none"),
    ] {
      try link(hosts.add("\(name).test").socket, to: target)
      try link("\(hosts.path)/entry-\(name).test", to: target)
      for path in ["\(name).test/tls-socket", "entry-\(name).test"] {
        unsafe lchown("\(hosts.path)/\(path)", 4321, 4321)
      }
    }
    for options in [[], ["--user", "4000"], ["--user", "4000", "--any-socket-owner"], ["--no-connect"]] {
      for entry in try Check(hosts, options).report().entries where entry.verdict == "refused" {
        #expect(!entry.findings.isEmpty, "\(entry)")
        #expect(entry.mends.isEmpty, "\(entry)")
      }
    }
  }

  /// What is beside it may be a link to anything by the time that the command runs.
  @Test(.requiresRoot) func `no command changes what others can replace`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test", flags: .v1, .v2).answer("a")
    try hosts.addBackend("Upper.test").answer("a")
    let socketLink = try hosts.add("link.test").socket
    let socket = "\(hosts.path)/a.test/tls-socket"
    let directory = "\(hosts.path)/a.test"
    func mends(_ name: String = "a.test", _ options: [String] = ["--user", "4000"]) throws -> [String] {
      try Check(hosts, options).entry(name).mends
    }
    try mode(socket, 0o700)
    #expect(try mends().contains { $0.hasPrefix("setfacl ") }, "only root's")
    #expect(try mends("Upper.test").contains { $0.hasPrefix("mv ") }, "only root's")
    // By anybody, and by a group.
    for bits in [0o777, 0o775] {
      try mode(hosts.path, bits)
      #expect(try mends().isEmpty && mends("Upper.test").isEmpty)
      let none = try Check(hosts, ["--user", "4000"], names: ["none.test"]).entry("none.test")
      #expect(none.codes == ["no-entry"] && none.mends.isEmpty)
      try mode(hosts.path, 0o755)
    }
    let above = try Scratch.current.directory("above")
    let below = HostsDirectory(path: "\(above)/below")
    try FileManager.default.createDirectory(atPath: below.path, withIntermediateDirectories: false)
    try below.addBackend("a.test").answer("a")
    try mode("\(below.path)/a.test/tls-socket", 0o700)
    #expect(try !Check(below, ["--user", "4000"]).entry("a.test").mends.isEmpty)
    try mode(above, 0o777)
    #expect(try Check(below, ["--user", "4000"]).entry("a.test").mends.isEmpty, "above the hosts directory")
    let inside = try Child(
      try Program.path("sniproxy-check"), ["--user", "4000"], workingDirectory: below.path)
    _ = try inside.wait()
    #expect(inside.output.contains("mend: setfacl -m u:4000:w a.test/tls-socket"), "\(inside.output)")
    // In a sticky directory, by the owner of what is there.
    for path in [directory, hosts.path] { try mode(path, 0o1777) }
    #expect(try mends().allSatisfy { !$0.hasPrefix("rm ") } && !mends().isEmpty)
    for path in [directory, hosts.path] { try mode(path, 0o755) }
    for (user, expected) in [(uid_t(1), "runuser -u daemon -- "), (4321, nil)] {
      let shared = try Scratch.current.directory("sticky")
      try mode(shared, 0o1777)
      try Listener(.unix("\(shared)/s")).answer("a")
      try mode("\(shared)/s", 0o700)
      unsafe chown("\(shared)/s", user, user)
      unsafe unlink(socketLink)
      try link(socketLink, to: "\(shared)/s")
      let offered = try mends("link.test")
      if let expected {
        #expect(!offered.isEmpty && offered.allSatisfy { $0.hasPrefix(expected) }, "\(offered)")
      } else {
        #expect(offered.isEmpty, "\(offered)")
      }
    }
  }

  private func mode(_ path: String, _ mode: Int) throws {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }

  @Test func `a host directory with many files is no burden`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("a")
    for number in 0..<20_000 {
      let file = unsafe open("\(hosts.path)/a.test/send-proxy-v1\(number)", O_CREAT | O_WRONLY | O_CLOEXEC, 0o644)
      try #require(file >= 0)
      close(file)
    }
    let entry = try Check(hosts, []).entry("a.test")
    #expect(entry.verdict == "served" && entry.codes.contains("not-listed") && entry.findings.count < 20)
  }

  /// It is not to be the one who fills its backlog.
  @Test func `a backend of many names is connected to once`() throws {
    let hosts = try HostsDirectory()
    let listener = try hosts.addBackend("a.test", backlog: 0)
    for number in 0..<50 { try link(hosts.add("n\(number).test").socket, to: "../a.test/tls-socket") }
    let check = try Check(hosts, [])
    #expect(try check.status == .exited(0) && check.report().entries.allSatisfy { $0.verdict == "served" })
    // Its own connection is in the queue.
    let full = try Check(hosts, []).entry("n1.test")
    #expect(full.verdict == "waits" && full.codes == ["backlog-full"] && full.findings[0].severity == "warning")
    listener.close()
  }

  @Test func `long ways and loops end`() throws {
    let hosts = try HostsDirectory()
    for (name, target) in [
      ("loop.test", "loop.test"), ("dots.test", String(repeating: "./", count: 2000) + "x"),
      ("up.test", String(repeating: "../", count: 1300) + "etc"), ("far.test", String(repeating: "x/", count: 2000)),
    ] {
      try link("\(hosts.path)/\(name)", to: target)
    }
    let report = try Check(hosts, []).report()
    #expect(report.entries.count == 4 && report.entries.allSatisfy { $0.verdict == "refused" })
  }

  /// Entries and links that are replaced all the time: it says what was there at some moment, or that it changed.
  @Test func `what changes while it is looked at`() throws {
    let hosts = try HostsDirectory()
    let sockets = try (0..<2).map { number in
      let socket = Scratch.current.file("socket")
      try Listener(.unix(socket)).answer("\(number)")
      return socket
    }
    let path = try hosts.add("link.test").socket
    let other = try hosts.add("other.test").path
    try link(path, to: sockets[0])
    var number = 0
    let stop = changing {
      number += 1
      unsafe symlink(number % 3 == 0 ? "nowhere" : sockets[number % 3 - 1], path + ".next")
      unsafe rename(path + ".next", path)
      unsafe rename(other, "\(other).away")
      unsafe rename("\(other).away", other)
    }
    defer { stop() }
    for _ in 0..<30 {
      let check = try Check(hosts, [], names: ["link.test", "other.test"])
      #expect([.exited(0), .exited(1)].contains(check.status), "\(check.error)")
      let entry = try check.entry("link.test")
      switch entry.verdict {
      case "served":
        #expect(sockets.contains(entry.socket ?? "") || entry.codes.contains("changed"), "\(entry)")
      case "refused": #expect(entry.alert == 112 && !entry.findings.isEmpty, "\(entry)")
      default: Issue.record("\(entry)")
      }
    }
  }

  /// An entry that always leads to a backend is well at each moment, and one that sometimes leads nowhere is what is told of it.
  @Test func `the exit status while entries are swapped`() throws {
    let hosts = try HostsDirectory()
    let homes = try (0..<2).map { number in
      let home = HostsDirectory(path: try Scratch.current.directory("home"))
      try home.addBackend("site").answer("\(number)")
      return "\(home.path)/site"
    }
    for name in ["steady.test", "torn.test"] { try link("\(hosts.path)/\(name)", to: homes[0]) }
    var number = 0
    let stop = changing {
      number += 1
      for (name, target) in [
        ("steady.test", homes[number % 2]), ("torn.test", number % 3 == 0 ? "nowhere" : homes[0]),
      ] {
        unsafe symlink(target, "\(hosts.path)/.next")
        unsafe rename("\(hosts.path)/.next", "\(hosts.path)/\(name)")
      }
    }
    defer { stop() }
    for _ in 0..<40 {
      let steady = try Check(hosts, [], names: ["steady.test"])
      #expect(steady.status == .exited(0), "\(steady.output) \(steady.error)")
      let torn = try Check(hosts, [], names: ["torn.test"])
      let entry = try torn.entry("torn.test")
      let isWell = entry.verdict == "served" && entry.findings.allSatisfy { $0.severity == "note" }
      #expect(torn.status == .exited(isWell ? 0 : 1), "\(torn.output) \(torn.error)")
      #expect(try torn.report().ok == isWell)
    }
  }

  /// Does it again and again in a thread, until the function that it gives is called.
  private func changing(_ change: @escaping () -> Void) -> () -> Void {
    let isDone = Mutex(false)
    let group = DispatchGroup()
    nonisolated(unsafe) let change = change
    Scratch.current.start(in: group) { while !isDone.withLock({ $0 }) { unsafe change() } }
    return {
      isDone.withLock { $0 = true }
      group.wait()
    }
  }
}
