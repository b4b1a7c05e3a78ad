import Foundation
import Testing

/// The program `sniproxy-listen`: what it does before it becomes the command, and what it explains.
@Suite(.scratch) struct ListenCommandTests {
  @Test func `the command has the settings, its arguments, and its own exit status`() throws {
    let (one, two) = (try Scratch.current.directory("one"), try Scratch.current.directory("two,\\"))
    let child = try listen(
      [
        "--user", "7", one, "\(two):8443", "--", "sh", "-c", "printf '%s\\n' \"$@\"; env; exit 42", "sh", "--", "a b",
        "",
      ],
      environment: ["LD_PRELOAD": "/no/such.so", "SNIPROXY_HANDOFF": "", "SNIPROXY_HANDOFF_USER": "8"])
    #expect(try child.wait() == .exited(42))
    let lines = child.output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    #expect(lines.starts(with: ["--", "a b", ""]))
    let library = try PreloadedPython.library
    let preload = try #require(lines.first { $0.hasPrefix("LD_PRELOAD=") })
    #expect(preload.hasSuffix("/libsniproxy-listen.so:/no/such.so"))
    #expect(FileManager.default.contentsEqual(atPath: String(preload.dropFirst(11).dropLast(12)), andPath: library))
    let escaped = two.replacing("\\", with: "\\\\").replacing(",", with: "\\,")
    #expect(lines.contains("SNIPROXY_HANDOFF=443=\(one),8443=\(escaped)") && lines.contains("SNIPROXY_HANDOFF_USER=7"))
  }

  @Test func `directories that are named already are not forgotten`() throws {
    let child = try listen(
      [try Scratch.current.directory("host"), "--", "true"], environment: ["SNIPROXY_HANDOFF": "1=/x"])
    #expect(try child.wait() == .exited(111))
    #expect(child.error.contains("SNIPROXY_HANDOFF: it names directories already: 1=/x: name all directories with one"))
  }

  @Test func `a directory may be named from where one is, and end like a port`() throws {
    let here = try Scratch.current.directory("here")
    try FileManager.default.createDirectory(atPath: "\(here)/x:80", withIntermediateDirectories: false)
    let child = try Child(
      Program.path("sniproxy-listen"), [".", "x:80:443", "--", "sh", "-c", "echo $SNIPROXY_HANDOFF"],
      workingDirectory: here)
    #expect(try child.wait() == .exited(0), "\(child.error)")
    #expect(child.output == "443=\(here)/.,443=\(here)/x:80\n")
  }

  @Test func `signals end the command as if it had been started without`() throws {
    let child = try listen([try Scratch.current.directory("host"), "--", "sh", "-c", "kill -TERM $$"])
    #expect(try child.wait() == .signalled(SIGTERM))
  }

  @Test(arguments: [
    ([], "name a host directory"), (["--"], "name a host directory"), (["/tmp"], "there is no command"),
    (["/tmp", "--"], "there is no command"), (["/tmp:0", "--", "true"], "a port is a number from 1 to 65535"),
    (["/tmp:65536", "--", "true"], "a port is a number from 1 to 65535"),
    (["", "--", "true"], "a directory has a name"),
    ([":443", "--", "true"], "a port follows a directory: DIR:443"),
    (["--no-such", "/tmp", "--", "true"], "Unknown option"),
    (["--user", "no-such-user", "/tmp", "--", "true"], "there is no such user"),
    (["--user", "4294967295", "/tmp", "--", "true"], "there is no such user"),
    (["--user", "65534", "/tmp", "--", "true"], "that is whom the kernel cannot tell"),
  ])
  func `wrong usage ends with 100`(arguments: [String], message: String) throws {
    let child = try listen(arguments)
    #expect(try child.wait() == .exited(100) && child.error.contains(message), "\(child.error)")
    #expect(child.error.hasPrefix("sniproxy-listen: ") && child.output.isEmpty)
    #expect(child.error.split(separator: "\n").count <= 4, "\(child.error)")
  }

  @Test func `a command that cannot be run ends with 126 and 127, as in env`() throws {
    let host = try Scratch.current.directory("host")
    try expect([host, "--", "no-such-command"], 127, "cannot run: no-such-command: No such file")
    try expect([host, "--", "/no/such/command"], 127, "cannot run: /no/such/command: No such file")
    try expect([host, "--", "/etc/passwd"], 126, "cannot run: /etc/passwd: Permission denied")
    try expect([host, "--", host], 126, "cannot run: \(host): Permission denied")
  }

  @Test func `a directory that cannot be used is told`() throws {
    let host = try Scratch.current.directory("host")
    try expect(["/no/such", "--", "true"], 111, "on port 443: /no/such: No such file or directory (ENOENT): make the")
    try expect(
      ["/etc/passwd:80", "--", "true"], 111, "on port 80: /etc/passwd: Not a directory (ENOTDIR): name the host's")
    let listener = try Child(
      "python3",
      [
        "-c",
        "import socket, time; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.bind('tls-handoff'); s.listen(); "
          + "open('ready', 'w'); time.sleep(60)",
      ], workingDirectory: host)
    try eventually("the other server: \(listener.error)") { FileManager.default.fileExists(atPath: "\(host)/ready") }
    try expect(
      [host, "--", "true"], 111, "\(host): somebody listens on tls-handoff already: stop that server, or name")
    listener.end()
    try expect([host, "--", "true"], 0, "")
    try expect(
      [host, "/dev/shm", "--", "true"], 111,
      "/dev/shm: it is on another file system than \(host), or in another mount of it: use one of them")
    try expect(
      [host, "\(host)/.:8443", "--", "true"], 111,
      "cannot listen on port 8443: \(host)/.: it is for port 443 too, and a directory has one tls-handoff: give each")
  }

  /// As `ReadWritePaths=` of a unit makes them.
  @Test(.requiresNamespaces, .requires("unshare", "mount")) func `two mounts of one file system are told`() throws {
    let (one, two) = (try Scratch.current.directory("one"), try Scratch.current.directory("two"))
    let child = try Child(
      "unshare",
      [
        "-m", "sh", "-c", "mount --bind $2 $2 && exec $0 $1 $2 -- true", try Program.path("sniproxy-listen"), one, two,
      ])
    #expect(try child.wait() == .exited(111))
    #expect(
      child.error.contains("\(two): it is on another file system than \(one), or in another mount of it: use one of"))
  }

  @Test(.requires("python3")) func `that it may make no Unix socket is told`() throws {
    let said = try PreloadedPython().run(
      """
      import subprocess
      lose_unix_sockets()
      del os.environ["SNIPROXY_HANDOFF"]
      assert subprocess.run(["\(try Program.path("sniproxy-listen"))", D, "--", "true"]).returncode == 111
      """)
    #expect(said.contains("cannot make: a Unix socket: ") && said.contains(": let the server use AF_UNIX (in a unit: "))
  }

  @Test func `what is in the place of the socket and is none is told`() throws {
    let host = try Scratch.current.directory("host")
    let place = "\(host)/tls-handoff"
    try "no socket".write(toFile: place, atomically: false, encoding: .utf8)
    try expect([host, "--", "true"], 111, "\(host): tls-handoff is no socket: remove it")
    try FileManager.default.removeItem(atPath: place)
    try FileManager.default.createSymbolicLink(atPath: place, withDestinationPath: "/nowhere")
    try expect([host, "--", "true"], 111, "tls-handoff is a symbolic link: name the directory that it leads to, or")
  }

  @Test(.requires("python3")) func `what is not UTF-8 is told, with a way that goes`() throws {
    let here = try Scratch.current.directory("here")
    let program = """
      import os, sys
      name = b"host\\xff"
      os.mkdir(name)
      os.symlink(name, "link")
      words = [sys.argv[1], sys.argv[2], "--", "sh", "-c", "echo $SNIPROXY_HANDOFF"]
      if sys.argv[2] == ".":
          os.chdir(name)
      words[1] = name if sys.argv[2] == "name" else sys.argv[2]
      os.execv(words[0], words)
      """
    for (directory, status, message) in [
      ("name", 100, "argument 1 is not UTF-8: rename the directory, or name a symbolic link to it"),
      (".", 111, "is gone, or its path is not UTF-8: name the directory, or a symbolic link to it, with"),
      ("link", 0, ""),
    ] {
      let place = "\(here)/\(directory == "." ? "dot" : directory)"
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: false)
      let child = try Child(
        "python3", ["-c", program, try Program.path("sniproxy-listen"), directory], workingDirectory: place)
      #expect(try child.wait() == .exited(Int32(status)), "\(child.error)")
      if status == 0 {
        #expect(child.output == "443=\(place)/link\n")
      } else {
        #expect(child.error.contains(message), "\(child.error)")
      }
    }
  }

  @Test(.requiresRoot) func `a server that is not the directory's owner is told`() throws {
    let hosts = try Scratch.current.directory("hosts")
    let host = "\(hosts)/host"
    try FileManager.default.createDirectory(atPath: host, withIntermediateDirectories: false)
    let quiet = try listen(["--user", "0", host, "--", "true"])
    #expect(try quiet.wait() == .exited(0) && quiet.error.isEmpty, "\(quiet.error)")
    try own(host, by: 1)
    try expect(
      [host, "--", "true"], 0,
      "\(host): it belongs to daemon, and the command runs as root: sniproxy refuses a socket that is not the owner's"
        + ": start it with `runuser -u daemon -- sniproxy-listen`, and the rest as it is")
    try own(hosts, by: 1)
    let hostsOwners = try listen(["--user", "0", host, "--", "true"])
    #expect(try hostsOwners.wait() == .exited(0) && hostsOwners.error.isEmpty, "\(hostsOwners.error)")
  }

  @Test func `where only root may hand over for want of a user, that is told`() throws {
    let host = try Scratch.current.directory("host")
    guard unsafe getpwnam("sniproxy") == nil else { return }
    try expect(
      [host, "--", "true"], 0,
      "clients are taken from root alone: there is no user sniproxy: name the one that it runs as with --user")
  }

  @Test(.requiresRoot, .requires("setpriv")) func `a directory of somebody else is told`() throws {
    let host = try Scratch.current.directory("host")
    let child = try Child("setpriv", asUser(1) + [try Program.path("sniproxy-listen"), host, "--", "true"])
    #expect(try child.wait() == .exited(111))
    #expect(child.error.contains("\(host): Permission denied (EACCES): let user daemon write to the directory, or run"))
  }

  @Test func `a program that loads no library is told`() throws {
    let host = try Scratch.current.directory("host")
    let program = try ProgramFile()
    try expect([host, "--", program.path], 0, "")
    try program.change { bytes, header in bytes[header] = 0 }
    try expect(
      [host, "--", program.path], 111, "cannot serve: \(program.path): it is linked statically, so it loads no")
    let script = Scratch.current.file("script")
    try "#!/usr/bin/env -S X=1 \(program.path) -x\n".write(toFile: script, atomically: true, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: script)
    try expect([host, "--", script], 111, "cannot serve: \(program.path): it is linked statically")
    try "#! \(program.path)\n".write(toFile: script, atomically: false, encoding: .utf8)
    try expect([host, "--", script], 111, "cannot serve: \(program.path): it is linked statically")
  }

  @Test func `a program for another machine or another C library is told`() throws {
    let host = try Scratch.current.directory("host")
    let other = try ProgramFile()
    try other.change { bytes, _ in bytes[18] ^= 0x40 }
    try expect(
      [host, "--", other.path], 111, "it is a program for another kind of processor: use one for this machine's own")
    let musl = try ProgramFile()
    try musl.change { bytes, header in
      let place = bytes[header + 8..<header + 16].reversed().reduce(0) { $0 << 8 | Int($1) }
      bytes.replaceSubrange(place..<place + 16, with: Array("/lib/ld-musl.so\0".utf8))
    }
    try expect(
      [host, "--", musl.path], 111, "it is linked with another C library (/lib/ld-musl.so): use a build for /")
  }

  /// However damaged a program is, it is looked at without harm.
  @Test func `headers that lead nowhere do no harm`() throws {
    let host = try Scratch.current.directory("host")
    for place in [32, 39, 54, 56, 57] {
      let program = try ProgramFile()
      try program.change { bytes, _ in bytes[place] = 0xff }
      let child = try listen([host, "--", program.path])
      let status = try child.wait()
      #expect(![.signalled(SIGILL), .signalled(SIGTRAP), .exited(100)].contains(status), "\(place)")
      if status == .exited(111) { #expect(child.error.hasPrefix("sniproxy-listen: cannot serve: ")) }
    }
  }

  @Test(.requiresRoot, .requires("setpriv", "python3")) func `a program with rights of its own is told`() throws {
    let host = try Scratch.current.directory("host")
    let program = try ProgramFile()
    try own(program.path, by: 1)
    try FileManager.default.setAttributes([.posixPermissions: 0o4755], ofItemAtPath: program.path)
    try expect(
      [host, "--", program.path], 111, "it runs as another user or group (set-user-ID or set-group-ID), so the")
    try own(host, by: 1)
    let capable = try ProgramFile()
    let set = try run(
      "python3", "-c", "import os, sys; os.setxattr(sys.argv[1], 'security.capability', bytes.fromhex(sys.argv[2]))",
      capable.path, "0100000200040000000000000000000000000000")
    #expect(set.status == .exited(0), "\(set.error)")
    let child = try Child("setpriv", asUser(1) + [try Program.path("sniproxy-listen"), host, "--", capable.path])
    #expect(try child.wait() == .exited(111))
    #expect(
      child.error.contains("it has capabilities of its own, so the linker ignores LD_PRELOAD: take them away with"))
  }

  @Test func `without the library, or where it cannot be named, that is told`() throws {
    let host = try Scratch.current.directory("host")
    let place = try Scratch.current.directory("bin")
    let copy = "\(place)/sniproxy-listen"
    try copyProgram(try Program.path("sniproxy-listen"), to: copy)
    try expect([host, "--", "true"], 111, "it is neither ", program: copy)
    let odd = try Scratch.current.directory("a b")
    try copyProgram(copy, to: "\(odd)/sniproxy-listen")
    try FileManager.default.copyItem(atPath: try PreloadedPython.library, toPath: "\(odd)/libsniproxy-listen.so")
    try expect(
      [host, "--", "true"], 111, "LD_PRELOAD takes no path with \" \" (ld.so(8))", program: "\(odd)/sniproxy-listen")
  }

  private func listen(_ arguments: [String], environment: [String: String] = [:]) throws -> Child {
    try Child(try Program.path("sniproxy-listen"), arguments, environment: environment)
  }

  private func expect(
    _ arguments: [String], _ status: Int32, _ message: String, program: String? = nil,
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws {
    let child = try Child(try program ?? Program.path("sniproxy-listen"), arguments)
    #expect(try child.wait() == .exited(status), "\(child.error)", sourceLocation: sourceLocation)
    #expect(message.isEmpty || child.error.contains(message), "\(child.error)", sourceLocation: sourceLocation)
  }
}

/// A copy of true(1), to be damaged.
private struct ProgramFile {
  let path = Scratch.current.file("program")

  init() throws { try copyProgram("/usr/bin/true", to: path) }

  /// - Parameter change: gets the bytes, and where the header is that leads to the dynamic linker's path (elf(5), `PT_INTERP`)
  func change(_ change: (inout [UInt8], Int) -> Void) throws {
    var bytes = [UInt8](try Data(contentsOf: URL(filePath: path)))
    let header = try #require((0..<Int(bytes[56])).map { 64 + 56 * $0 }.first { bytes[$0] == 3 && bytes[$0 + 1] == 0 })
    change(&bytes, header)
    let changed = Scratch.current.file("bytes")
    try Data(bytes).write(to: URL(filePath: changed))
    try copyProgram(changed, to: path)
  }
}

/// Not in this process, which starts others at any moment: while one of them has the copy open for writing, nobody can run it.
private func copyProgram(_ path: String, to copy: String) throws {
  let copied = try run("install", "-m", "755", path, copy)
  #expect(copied.status == .exited(0), "\(copied.error)")
}
