import Foundation
import Testing

/// The running program is locked, as the kernel tells.
@Suite(.scratch)
struct LockTests {
  @Test(.notSanitized(unlocked), arguments: [1, 3])
  func `every thread is locked before the first client`(workers: Int) throws {
    let proxy = try Proxy(try HostsDirectory(), options: ["--workers", "\(workers)"])
    let threads = try proxy.vitals.threads
    #expect(threads.count == workers + ["main", "log"].count)
    for thread in threads {
      let status = try proxy.vitals.status(of: thread)
      #expect(status["NoNewPrivs"] == "1" && status["Seccomp"] == "2")
    }
  }

  @Test(
    .requiresRoot, .notSanitized(by: .thread, "a thread of its own, which is there before all else, keeps them"),
    arguments: [[], ["--user", "4321:8765"]])
  func `root keeps no capability`(options: [String]) throws {
    let proxy = try Proxy(try HostsDirectory(), options: options)
    for thread in try proxy.vitals.threads {
      let status = try proxy.vitals.status(of: thread)
      for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] { #expect(status[set] == "0000000000000000") }
      let (user, group) = options.isEmpty ? ("0", "0") : ("4321", "8765")
      #expect(status["Uid"] == Array(repeating: user, count: 4).joined(separator: "\t"))
      #expect(status["Gid"] == Array(repeating: group, count: 4).joined(separator: "\t"))
      if !options.isEmpty { #expect(status["Groups"]?.split(separator: " ") == ["8765"]) }
    }
    #expect(proxy.log.contains("running as root") == options.isEmpty, "\(proxy.log)")
  }

  @Test(.looksInside) func `no descriptor is left that others opened`() throws {
    let secret = Scratch.current.file("secret")
    try Data("secret".utf8).write(to: URL(filePath: secret))
    let spare = try Listener(.ip4(0))
    let proxy = try Proxy(
      try HostsDirectory(), options: [], environment: ["LISTEN_FDS": "1"],
      descriptors: [0: .file(secret), 1: .file(secret), 3: .descriptor(spare.descriptor), 9: .file(secret)],
      launcher: ["sh", "-c", "export LISTEN_PID=$$; exec \"$@\"", "sh"])
    let files = try proxy.vitals.descriptors.map { number in
      try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(proxy.child.pid)/fd/\(number)")
    }
    #expect(!files.contains(secret), "\(files)")
    #expect(files.count { $0 == "/dev/null" } == 2)
    spare.close()
    #expect(try !spare.address.hasListener)
  }

  @Test(.requiresRoot) func `its memory is for nobody else`() throws {
    let proxy = try Proxy(try HostsDirectory(), "--user", "4321:8765")
    let limits = try String(contentsOfFile: "/proc/\(proxy.child.pid)/limits", encoding: .utf8)
    #expect(limits.contains(#/\nMax core file size +0 +0 /#), "\(limits)")
    // proc_pid(5): of a process that is not dumpable they belong to root.
    let attributes = try FileManager.default.attributesOfItem(atPath: "/proc/\(proxy.child.pid)/mem")
    #expect(attributes[.ownerAccountID] as? Int == 0)
  }

  @Test func `it serves all its ways, and a stop works, with nothing refused to it`() throws {
    let path = Scratch.current.file("listener")
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").answer("here")
    let proxy = try Proxy(hosts, "--access-log", listen: ["127.0.0.1:0", "unix:\(path)"])
    #expect(try proxy.ask("test.test") == "here")
    #expect(try proxy.refusal(Hello("other.test")) == 112)
    try proxy.stop()
    #expect(!FileManager.default.fileExists(atPath: path))
    #expect(!proxy.log.contains("EPERM") && !proxy.log.contains("EACCES"), "\(proxy.log)")
  }

  /// A kernel without a lock, as strace(1) plays it.
  @Test(
    .requires("strace"), .notSanitized(unlocked),
    arguments: [
      (
        "landlock_create_ruleset:error=ENOSYS",
        "no Landlock, only the filter of system calls keeps files closed: Function not implemented (ENOSYS)"
      ),
      ("landlock_create_ruleset:retval=3:when=1", "this kernel's Landlock does not forbid to bind TCP sockets"),
      ("seccomp:error=EINVAL", "no filter of system calls: "),
      ("capset:error=EPERM", "privileges cannot be given up: Operation not permitted (EPERM)"),
    ])
  func `what the kernel lacks it says once, and goes on with the rest`(_ injection: String, _ text: String) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").answer("here")
    let call = injection.prefix { $0 != ":" }
    let proxy = try Proxy(
      hosts, options: [],
      launcher: ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=\(call)", "-e", "inject=\(injection)"])
    #expect(try proxy.ask("test.test") == "here")
    let lines = proxy.log.split(separator: "\n").filter { $0.contains("lock: ") }
    #expect(lines.count == 1 && lines[0].contains(text), "\(proxy.log)")
    let sniproxy = try #require(try children(of: proxy.child.pid).first)
    let status = try Vitals(pid: sniproxy).status(of: "\(sniproxy)")
    #expect(status["NoNewPrivs"] == "1")
    #expect(status["Seccomp"] == (call == "seccomp" ? "0" : "2"))
  }
}

private let unlocked: Comment = "a program with a sanitizer does not lock itself in"
