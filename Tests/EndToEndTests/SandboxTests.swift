import Foundation
import Testing

/// What the shipped unit takes from the service, seen in effect under a real systemd.
@Suite(.scratch, .serialized)
struct SandboxTests {
  @Test(.requires("systemd-analyze"))
  func `the exposure by systemd-analyze is 1 of 10 at most`() throws {
    let unit = "\(Program.package)/systemd/sniproxy.service"
    let verdict = try run("systemd-analyze", "security", "--offline=true", "--threshold=10", "--no-pager", unit)
    #expect(verdict.status == .exited(0), "\(verdict.output)\(verdict.error)")
  }

  @Test(.requiresNamespaces, .inShippedUnit, .requires("make", "systemctl", "unshare", "nsenter"))
  func `the process has no privilege, and namespaces of its own but for users and processes`() throws {
    let deployment = try Deployment()
    try deployment.systemctl("start")
    let status = try deployment.read("status")
    func field(_ name: String) -> [Substring] {
      status.split(separator: "\n").first { $0.hasPrefix("\(name):") }?.split(separator: "\t").dropFirst().map { $0 }
        ?? []
    }
    let user = try deployment.machine.run("id", "--user", "sniproxy").output.trimmingCharacters(in: .newlines)
    #expect(user != "0" && field("Uid") == [Substring](repeating: Substring(user), count: 4))
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
      #expect(field(set) == ["0000000000000000"], "\(set)")
    }
    #expect(field("NoNewPrivs") == ["1"])
    #expect(field("Seccomp") == ["2"])
    #expect(field("Umask") == ["0077"])

    let pid = try deployment.property("MainPID")
    for (space, isOwn) in ["mnt": true, "net": true, "ipc": true, "uts": true, "pid": false, "user": false] {
      let links = try deployment.machine.run("readlink", "/proc/1/ns/\(space)", "/proc/\(pid)/ns/\(space)")
      let names = links.output.split(separator: "\n")
      #expect(names.count == 2 && (names[0] != names[1]) == isOwn, "\(space): \(names)")
    }
    let processes = try deployment.read("mountinfo").split(separator: "\n").filter { $0.contains(" - proc proc ") }
    let seen = try #require(processes.last { $0.split(separator: " ")[4] == "/proc" })
    #expect(seen.contains("hidepid=invisible") && seen.contains("subset=pid"), "\(seen)")
  }

  @Test(.requiresNamespaces, .inShippedUnit, .requires("make", "systemctl", "unshare", "nsenter"))
  func `the process can write and execute nothing, and sees backends but no devices`() throws {
    let homes = try Scratch.current.directory("home")
    let deployment = try Deployment(mounts: ["/home": homes])
    let machine = deployment.machine
    #expect(try machine.run("mknod", "/dev/tests", "b", "7", "0").status == .exited(0))
    for file in ["/home/file", "/tmp/file", "/root/file"] {
      #expect(try machine.run("touch", file).status == .exited(0))
    }
    try deployment.systemctl("start")
    // Its own view of the file system, as proc_pid_root(5) shows it.
    let root = "/proc/\(try deployment.property("MainPID"))/root"

    for place in [
      "", "/etc", "/usr", "/usr/lib", "/var", "/var/tmp", "/tmp", "/run", "/home", "/root", "/srv/sniproxy",
    ] {
      let written = try machine.run("touch", "\(root)\(place)/new")
      #expect(written.error.contains("Read-only file system"), "\(place): \(written)")
    }
    // The status file's directory alone, for its counters.
    #expect(try machine.run("touch", "\(root)/run/sniproxy/new").status == .exited(0))
    let grouped = try machine.run("mkdir", "\(root)/sys/fs/cgroup/new")
    #expect(grouped.error.contains("Read-only file system"), "\(grouped)")
    for program in ["/bin/sh", "/usr/bin/env", "/usr/bin/openssl"] {
      let executed = try machine.run("\(root)\(program)")
      #expect(
        executed.status == .exited(126) && executed.error.contains("Permission denied"), "\(program): \(executed)")
    }
    let program = "\(root)/usr/local/sbin/sniproxy"
    #expect(try machine.run(program, "--version").status == .exited(0))
    #expect(try machine.run("chmod", "755", program).error.contains("Read-only file system"))
    for file in ["/home/file", "/tmp/file", "/root/file"] {
      #expect(try machine.run("test", "-e", "\(root)\(file)").status == .exited(0), "\(file)")
    }
    let devices = try machine.run("ls", "\(root)/dev").output.split(separator: "\n")
    #expect(devices.contains("null") && !devices.contains("tests"))
    #expect(try machine.run("test", "-e", "/dev/tests").status == .exited(0))
  }

  @Test(.requiresNamespaces, .requires("make", "systemctl", "unshare", "nsenter", "python3"))
  func `what is not allowed fails from inside`() throws {
    let directory = try Scratch.current.directory("probe")
    try Self.probe.write(toFile: "\(directory)/probe.py", atomically: false, encoding: .utf8)
    try "#!/bin/sh\n".write(toFile: "\(directory)/script", atomically: false, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: "\(directory)/script")
    // Python in place of sniproxy, with the calls that it needs itself.
    let deployment = try Deployment(
      dropIn: """
        [Service]
        Type=oneshot
        ExecStart=
        ExecStart=/usr/bin/python3 -I -S -B \(directory)/probe.py \(directory)/script
        BindReadOnlyPaths=/usr/bin
        SystemCallFilter=getdents64 getcwd dup sysinfo
        """)
    let started = try deployment.machine.run("systemctl", "start", "sniproxy.service")
    #expect(started.status == .exited(0), "\(started.error)\(deployment.journal)")
    var failures: [String: String] = [:]
    for line in deployment.journal.split(separator: "\n") {
      if let match = line.wholeMatch(of: /probe ([a-z_0-9]+) ([A-Z0-9]+)/) {
        failures[String(match.output.1)] = String(match.output.2)
      }
    }
    let expected = [
      "inet": "EAFNOSUPPORT", "inet6": "EAFNOSUPPORT", "netlink": "EAFNOSUPPORT", "packet": "EAFNOSUPPORT",
      "unix": "OK", "own_directory": "OK", "prctl": "OK",
      "user_namespace": "EPERM", "mount_namespace": "EPERM", "writable_code": "EPERM",
      "write": "EROFS", "execute": "EACCES",
      "bind": "ENOSYS", "listen": "ENOSYS", "kill": "ENOSYS", "ptrace": "ENOSYS", "mount": "ENOSYS", "chroot": "ENOSYS",
      "chmod": "ENOSYS", "mkdir": "ENOSYS", "unlink": "ENOSYS", "rename": "ENOSYS", "symlink": "ENOSYS",
      "setuid": "ENOSYS", "personality": "ENOSYS", "scheduler": "ENOSYS", "clock": "ENOSYS", "hostname": "ENOSYS",
      "kernel_log": "ENOSYS", "reboot": "ENOSYS", "shared_memory": "ENOSYS", "swap": "ENOSYS",
    ]
    for (name, failure) in expected.sorted(by: { $0.key < $1.key }) {
      #expect(failures[name] == failure, "\(name): \(failures[name] ?? "nothing")")
    }
  }

  /// The kernel kills who makes a call that is not in the unit's list, instead of refusing it.
  @Test(
    .requiresNamespaces, .inShippedUnit,
    .requires("make", "systemctl", "unshare", "nsenter", "curl", "nginx", "openssl", "python3"))
  func `sniproxy makes no system call that the unit does not allow`() throws {
    let certificate = try Certificate("nginx.test")
    let deployment = try Deployment(
      dropIn: """
        [Service]
        SystemCallErrorNumber=
        Restart=no
        ExecStart=
        ExecStart=/usr/local/sbin/sniproxy --hosts /srv/sniproxy --connect-timeout 0.5 --access-log --status %t/sniproxy/status
        """)
    let pages = try Scratch.current.directory("pages")
    let large = "\(pages)/large"
    try Data(repeating: 0x5a, count: 30_000_000).write(to: URL(filePath: large))
    // A user's own, so that it is looked at whose socket it is.
    let user: UInt32 = 2001
    let home = HostsDirectory(path: try Scratch.current.directory("home"))
    let site = try home.add("site", flags: .v2)
    for directory in [home.path, site.path] { try own(directory, by: user) }
    _ = try Nginx(
      at: site.socket, certificate, listen: "proxy_protocol",
      server: "client_max_body_size 0; location /large { alias \(large); }", user: user)
    try link("\(deployment.hosts.path)/nginx.test", to: site.path)
    #expect(try deployment.curl("nginx.test", certificate, "--output", "/dev/null", path: "/large").isEmpty)
    #expect(
      try deployment.curl("nginx.test", certificate, "--data-binary", "@\(large)", "--http1.1").contains("nginx.test"))

    // A backend that resets in the middle, one whose backlog is full, and clients that are refused.
    let resetting = try deployment.hosts.addBackend("resets.test")
    _ = try deployment.hosts.addBackend("full.test", backlog: 0)
    for name in ["resets.test", "full.test"] {
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o777], ofItemAtPath: "\(deployment.hosts.path)/\(name)/tls-socket")
    }
    _ = try Connection(to: .unix("\(deployment.hosts.path)/full.test/tls-socket"))
    let clients = try ["resets.test", "full.test", "nobody.test", "no name"].map { name in
      try deployment.machine.start("python3", ["-c", Self.client, name])
    }
    let backend = try resetting.accept()
    try backend.awaitBytes()
    try backend.send("an answer that is cut")
    backend.close()
    for client in clients { #expect(try client.wait() == .exited(0), "\(client.error)") }
    #expect(clients.map(\.output) == ["reset\n", "alert 80\n", "alert 112\n", "alert 10\n"])

    #expect(try deployment.property("ActiveState") == "active", "\(deployment.journal)")
    try deployment.systemctl("stop")
    #expect(try deployment.property("Result") == "success")
  }

  /// Asks for a name, and tells what came of it: an alert, or the end after an answer.
  private static let client = #"""
    import socket, ssl, sys
    name = sys.argv[1]
    hello = b"GET / HTTP/1.0\r\n\r\n"
    if name != "no name":
        outgoing = ssl.MemoryBIO()
        tls = ssl.create_default_context().wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=name)
        try:
            tls.do_handshake()
        except ssl.SSLWantReadError:
            hello = outgoing.read()
    connection = socket.create_connection(("127.0.0.1", 443), timeout=20)
    connection.sendall(hello)
    answer = b""
    try:
        while part := connection.recv(4096):
            answer += part
        print(f"alert {answer[6]}" if len(answer) == 7 and answer[0] == 21 else "end")
    except ConnectionResetError:
        print("reset")
    """#

  /// Tries one thing after the other, by the C library's functions, and tells each error.
  private static let probe = #"""
    import ctypes, errno, os, socket, sys
    libc = ctypes.CDLL(None, use_errno=True)

    def tell(name, result):
        code = ctypes.get_errno() if result == -1 else 0
        print("probe", name, errno.errorcode[code] if code else "OK", flush=True)

    def call(name, function, *arguments):
        ctypes.set_errno(0)
        tell(name, getattr(libc, function)(*arguments))

    for name, family in ("inet", 2), ("inet6", 10), ("netlink", 16), ("packet", 17), ("unix", 1):
        call(name, "socket", family, 1, 0)
    call("own_directory", "unshare", 0x200)
    call("prctl", "prctl", 15, b"probe", 0, 0, 0)
    call("user_namespace", "unshare", 0x10000000)
    call("mount_namespace", "unshare", 0x20000)
    libc.mmap.restype = ctypes.c_ssize_t
    call("writable_code", "mmap", None, ctypes.c_size_t(4096), 7, 0x22, -1, ctypes.c_long(0))
    call("write", "open", b"/srv/sniproxy/new", os.O_WRONLY | os.O_CREAT, 0o600)
    listener = libc.socket(1, 1, 0)
    call("bind", "bind", listener, b"\1\0/nowhere\0", 10)
    call("listen", "listen", listener, 1)
    call("kill", "kill", 1, 0)
    call("ptrace", "ptrace", 16, 1, None, None)
    call("mount", "mount", b"none", b"/mnt", b"tmpfs", 0, None)
    call("chroot", "chroot", b"/")
    call("chmod", "chmod", b"/srv", 0o4755)
    call("mkdir", "mkdir", b"/srv/new", 0o700)
    call("unlink", "unlink", b"/srv/new")
    call("rename", "rename", b"/srv/new", b"/srv/newer")
    call("symlink", "symlink", b"/srv/new", b"/srv/newer")
    call("setuid", "setuid", 0)
    call("personality", "personality", 0x0400000)
    call("scheduler", "sched_setscheduler", 0, 1, b"\1\0\0\0")
    call("clock", "clock_settime", 0, bytes(16))
    call("hostname", "sethostname", b"probe", 5)
    call("kernel_log", "klogctl", 10, None, 0)
    call("reboot", "reboot", 0)
    call("shared_memory", "shmget", 0, ctypes.c_size_t(4096), 0o1600)
    call("swap", "swapoff", b"/srv")
    script = os.fsencode(sys.argv[1])
    call("execute", "execv", script, (ctypes.c_char_p * 2)(script, None))
    """#
}
