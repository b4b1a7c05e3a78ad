import Foundation
import Testing

/// The program `sniproxy-check`, as a person runs it.
@Suite(.scratch)
struct CheckTests {
  // MARK: - The command line

  @Test func `wrong usage is status 100`() throws {
    for arguments in [
      ["--nonsense"], ["--color", "blue"], ["--tls", "--no-connect"], ["/nonexistent"], ["/etc/hostname"],
      ["/", "*.example"], ["--hashed", "/", String(repeating: "/", count: 64)],
      ["--hashed", "/", String(repeating: "g", count: 63) + "/"],
      ["--user", "no-such-user", "/"], ["--groups", "bin", "/"],
      ["--user", "daemon", "--groups", "bin,", "/"], ["--user", "daemon", "--groups", "no-such-group", "/"],
      ["--user", "daemon", "--groups", "4294967295", "/"], ["--hello", "-", "--tls"], ["--hello", "-", "--quiet"],
      ["--hello", "-", "--no-connect"], ["--json", "--quiet", "/"], ["--x\u{1b}[31m"], ["--user", "x\u{1b}[31m", "/"],
      ["--hello", "/dev/null"], ["--hello", "/dev/zero", "."],
    ] {
      let check = try Check(arguments)
      #expect(check.status == .exited(100) && check.output == "", "\(arguments): \(check.error)")
      #expect(check.error.hasPrefix("sniproxy-check: "), "\(arguments): \(check.error)")
      #expect(!check.error.contains("\u{1b}"), "\(arguments)")
    }
  }

  @Test func `help and version are success, in 80 columns`() throws {
    let help = try Check("--help")
    #expect(help.status == .exited(0) && help.error == "")
    #expect(help.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
    let version = try Check("--version")
    #expect(version.status == .exited(0) && version.output.contains(/^sniproxy-check [0-9]+\.[0-9]+\.[0-9]+\n$/))
  }

  @Test func `a failed system call is status 111`() throws {
    let hosts = try HostsDirectory()
    let full = try run(
      "sh", "-c", "\"$0\" \"$1\" >/dev/full", try Program.path("sniproxy-check"), hosts.path)
    #expect(full.status == .exited(111))
    #expect(full.error == "sniproxy-check: cannot write: standard output: No space left on device (ENOSPC)\n")
    let hello = try Check("--hello", "/nonexistent")
    #expect(hello.status == .exited(111) && hello.error.contains("cannot read: /nonexistent: No such file"))
  }

  @Test(.requiresRoot) func `a hosts directory that may not be listed takes names`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("a")
    for path in ["a.test/tls-socket", "a.test"] {
      try mode("\(hosts.path)/\(path)", 0o777 & ~0o22 | (path == "a.test" ? 0 : 0o22))
    }
    try mode(hosts.path, 0o711)
    let all = try Check("--user", "4000", hosts.path)
    #expect(all.status == .exited(111) && all.error.contains("give names"), "\(all.error)")
    // With too few descriptors it is not the permission that is missing.
    try mode(hosts.path, 0o755)
    let program = try Program.path("sniproxy-check")
    for limit in 3..<12 {
      let few = try run("sh", "-c", "ulimit -n \(limit); exec \"$0\" \"$1\"", program, hosts.path)
      #expect(!few.error.contains("may not read it") && !few.error.contains("search permission"), "\(few.error)")
    }
    try mode(hosts.path, 0o711)
    let one = try Check("--user", "4000", hosts.path, "a.test")
    #expect(one.status == .exited(0), "\(one.output)")
    try mode(hosts.path, 0o700)
    let none = try Check("--user", "4000", hosts.path, "a.test")
    #expect(none.status == .exited(1) && none.output.contains("may not search the hosts directory"), "\(none.output)")
  }

  @Test(.requiresRoot) func `a hosts directory that only root comes to is gone into`() throws {
    let above = try Scratch.current.directory("above")
    let hosts = HostsDirectory(path: "\(above)/hosts")
    try FileManager.default.createDirectory(atPath: hosts.path, withIntermediateDirectories: false)
    try hosts.addBackend("a.test").answer("a")
    try mode("\(hosts.path)/a.test/tls-socket", 0o777)
    try mode(above, 0o700)
    #expect(try Proxy(hosts, "--user", "4000").ask("a.test") == "a")
    let outside = try Check("--user", "4000", hosts.path)
    #expect(outside.status == .exited(111) && outside.error.contains("go into it and give ."), "\(outside.error)")
    let inside = try Child(try Program.path("sniproxy-check"), ["--user", "4000", "."], workingDirectory: hosts.path)
    #expect(try inside.wait() == .exited(0) && inside.output.hasPrefix("a.test: ok: a.test/tls-socket\n"))
  }

  @Test(.requiresRoot) func `host directories that may be searched and not listed are counted`() throws {
    let hosts = try HostsDirectory()
    for (name, bits) in [("search.test", 0o711), ("closed.test", 0o700), ("open.test", 0o755)] {
      try hosts.addBackend(name).answer("a")
      try mode("\(hosts.path)/\(name)", bits)
    }
    let findings = try Check(hosts, ["--user", "4000"]).report().findings
    #expect(findings.map(\.code) == ["not-listed"] && findings[0].text.hasPrefix("1 host directory may be searched"))
  }

  @Test(.requiresRoot) func `supplementary groups, as a unit gives them`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("a")
    let socket = "\(hosts.path)/a.test/tls-socket"
    guard unsafe chown(socket, 0, 4005) == 0 else { throw Failure(lastError) }
    try mode(socket, 0o660)
    let daemon = ["--user", "daemon"]
    #expect(try Check(hosts, daemon).entry("a.test").alert == 112)
    for groups in ["4005", "4004,4005", "bin,4005,4006"] {
      #expect(try Check(hosts, daemon + ["--groups", groups]).entry("a.test").verdict == "served", "\(groups)")
    }
    #expect(try Check(hosts, ["--user", "4000:4001", "--groups", "4005"]).entry("a.test").verdict == "served")
    #expect(try Check(hosts, daemon + ["--groups", "4004"]).entry("a.test").alert == 112)
    // Those of the database stay: "does not override, but extends" (systemd.exec(5)).
    let group = try run("sh", "-c", "getent group | awk -F: '$4 != \"\" { split($4, u, \",\"); print u[1], $3; exit }'")
      .output
    let words = group.split { $0.isWhitespace }
    if words.count == 2, let number = gid_t(words[1]), words[0] != "root" {
      guard unsafe chown(socket, 0, number) == 0 else { throw Failure(lastError) }
      let user = ["--user", String(words[0]), "--groups", "4005"]
      #expect(try Check(hosts, user).entry("a.test").verdict == "served", "\(group)")
    }
  }

  @Test(.requiresRoot) func `only root can become another user`() throws {
    let done = try run(
      "setpriv", "--reuid=4000", "--clear-groups", try Program.path("sniproxy-check"), "--user", "4001", "/")
    #expect(done.status == .exited(100) && done.error.contains("only root can become another user"))
  }

  @Test(.requiresRoot) func `root is told that sniproxy may be another user`() throws {
    let hosts = try HostsDirectory()
    #expect(try Check("--json", hosts.path).report().findings.map(\.code) == ["as-root"])
    #expect(try Check("--json", "--user", "4000", hosts.path).report().findings.map(\.code) == [])
  }

  @Test func `all is well`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("a")
    let check = try Check(hosts.path)
    #expect(check.status == .exited(0) && check.error == "")
    #expect(check.output.hasPrefix("a.test: ok: \(hosts.path)/a.test/tls-socket\n"))
    #expect(check.output.hasSuffix("1 entry: 1 well, 0 with warnings, 0 with problems\n"))
    #expect(try Check("--quiet", hosts.path).output == "")
    #expect(try Check(hosts, []).report().ok)
  }

  @Test func `the working directory is the default`() throws {
    let hosts = try HostsDirectory()
    try hosts.add("a.test")
    let child = try Child(try Program.path("sniproxy-check"), workingDirectory: hosts.path)
    #expect(try child.wait() == .exited(1))
    #expect(child.output.contains("there is no tls-socket in a.test: let the backend listen there"), "\(child.output)")
    #expect(!child.output.contains("mend:"), "no command with a word that a person has to replace")
  }

  @Test func `colour where it is asked for, and on no file`() throws {
    let hosts = try HostsDirectory()
    try hosts.add("a.test")
    #expect(try !Check(hosts.path).output.contains("\u{1b}"))
    #expect(try Check("--color", "always", hosts.path).output.contains("\u{1b}[31mproblem\u{1b}[0m"))
    #expect(try !Check("--color", "never", hosts.path).output.contains("\u{1b}"))
    let script = "script -qec '\(try Program.path("sniproxy-check")) \(hosts.path)' /dev/null"
    #expect(try run("sh", "-c", script, environment: ["TERM": "xterm"]).output.contains("\u{1b}[31m"))
    #expect(
      try !run("sh", "-c", script, environment: ["TERM": "xterm", "NO_COLOR": "1"]).output.contains("\u{1b}[31m"))
    #expect(try !run("sh", "-c", script, environment: ["TERM": "dumb"]).output.contains("\u{1b}[31m"))
  }

  // MARK: - What it finds

  /// Does what it says, and looks again.
  private func mend(_ hosts: HostsDirectory, _ name: String, _ options: [String] = [], choice: Int = 0) throws {
    let entry = try Check(hosts, options).entry(name)
    let mends = entry.findings.compactMap { $0.mends.isEmpty ? nil : $0.mends[min(choice, $0.mends.count - 1)] }
    try #require(!mends.isEmpty, "\(entry)")
    for mend in mends {
      let done = try run("bash", "-c", mend)
      #expect(done.status == .exited(0), "\(mend): \(done.error)")
    }
  }

  @Test(arguments: ["Upper.Test", "dot.test.", "bücher.test", "it's.TEST", "a b\u{1b}\n.test"])
  func `a name that no client can reach is renamed`(name: String) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend(name).answer("a")
    let entry = try #require(try Check(hosts, []).report().entries.first)
    #expect(entry.verdict == "unreachable" && entry.codes == ["name-unreachable"], "\(entry)")
    guard !entry.mends.isEmpty else {
      #expect(name.contains(" ") || name.contains("'"))
      return
    }
    try mend(hosts, entry.entry)
    #expect(try Check(hosts, []).report().ok)
  }

  @Test func `a file's name may be longer than a hostname`() throws {
    let hosts = try HostsDirectory()
    let longest = ["a", "b", "c"].map { String(repeating: $0, count: 63) } + [String(repeating: "d", count: 61)]
    let name = longest.joined(separator: ".")
    try hosts.addBackend("\(name).").answer("a")
    try hosts.add(String(repeating: "x", count: 255))
    #expect(try Check(hosts, []).report().entries.allSatisfy { $0.codes == ["name-unreachable"] })
    try mend(hosts, "\(name).")
    #expect(try Check(hosts, []).entry(name).verdict == "served")
  }

  @Test func `a plain name with --hashed is renamed to its sum`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("Shop.example").answer("a")
    try mend(hosts, "Shop.example", ["--hashed"])
    #expect(try Check(hosts, ["--hashed"]).report().ok)
    #expect(try Proxy(hosts, "--hashed").ask("shop.example") == "a")
  }

  /// With absolute links and relative ones, of entries and of sockets.
  @Test(arguments: [[], ["--hashed"]]) func `an entry that others lead to keeps its name`(options: [String]) throws {
    let hosts = try HostsDirectory()
    let names = ["a", "b", "c", "d"].map { String(repeating: $0, count: 64) }
    func name(_ index: Int) -> String { options.isEmpty ? "\(names[index].prefix(9)).test" : names[index] }
    for shop in ["Shop", "not a name"] { try hosts.addBackend(shop).answer("shop") }
    try link("\(hosts.path)/\(name(0))", to: "Shop")
    try link("\(hosts.path)/\(name(1))", to: "\(hosts.path)/Shop/../Shop")
    try link("\(hosts.path)/\(name(2))", to: "not a name")
    try link(hosts.add(name(3)).socket, to: "../Shop/tls-socket")
    let check = try Check(hosts, options)
    #expect(try check.status == .exited(0) && check.report().ok)
    for shop in try check.report().entries where shop.verdict != "served" {
      #expect(shop.verdict == "unreachable" && shop.codes == ["ignored"] && shop.mends == [], "\(shop)")
    }
    #expect(try check.report().entries.count(where: { $0.verdict == "served" }) == 4)
    // Where only one socket's link leads to it.
    for index in 0..<2 { unsafe unlink("\(hosts.path)/\(name(index))") }
    #expect(try Check(hosts, options).entry("Shop").codes == ["ignored"])
    unsafe unlink("\(hosts.path)/\(name(3))/tls-socket")
    #expect(try !Check(hosts, options).entry("Shop").mends.isEmpty)
  }

  @Test(.requiresRoot) func `a name that only its own links lead through is none`() throws {
    let hosts = try HostsDirectory()
    try link(hosts.add("Shop.test").socket, to: "../Shop.test/backend")
    let seen = try Check(hosts, ["--user", "4000"]).entry("Shop.test")
    #expect(seen.codes.first == "name-unreachable" && !seen.mends.isEmpty, "\(seen)")
  }

  @Test(.requiresRoot) func `where not all names are seen no name is changed`() throws {
    let hosts = try HostsDirectory()
    let entry = try hosts.add("a.test")
    try Data().write(to: URL(filePath: "\(entry.path)/tls_socket"))
    for (bits, mends) in [(0o755, 1), (0o711, 0)] as [(Int, Int)] {
      try mode(hosts.path, bits)
      let seen = try Check(hosts, ["--user", "4000"], names: ["a.test"]).entry("a.test")
      #expect(seen.codes.first == "no-socket" && seen.mends.count == mends, "\(seen)")
    }
  }

  @Test func `a socket that another entry leads to keeps its name`() throws {
    let hosts = try HostsDirectory()
    let path = try hosts.add("a.test").path
    try Listener(.unix("\(path)/tls_socket")).answer("a")
    #expect(try !Check(hosts, []).entry("a.test").mends.isEmpty)
    try link(hosts.add("b.test").socket, to: "../a.test/tls_socket")
    let check = try Check(hosts, [])
    #expect(try check.entry("b.test").verdict == "served")
    let entry = try check.entry("a.test")
    #expect(entry.codes == ["no-socket"] && entry.mends == [], "\(entry)")
  }

  /// A backend that starts anew would not find the directory.
  @Test func `who renames a socket's directory is to tell the backend`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("Own.test").answer("a")
    let home = HostsDirectory(path: try Scratch.current.directory("home"))
    try home.addBackend("site").answer("a")
    try link("\(hosts.path)/Link.test", to: "\(home.path)/site")
    let check = try Check(hosts, [])
    let words = "   # and tell the backend, if it makes its socket there"
    #expect(try check.entry("Own.test").mends == ["mv -nT \(hosts.path)/Own.test \(hosts.path)/own.test\(words)"])
    #expect(try check.entry("Link.test").mends == ["mv -nT \(hosts.path)/Link.test \(hosts.path)/link.test"])
  }

  /// In a sticky directory it is not enough that the entry is one's own.
  @Test(.requiresRoot) func `the entry of who may not rename it is renamed`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("Daemon.test").answer("a")
    for path in ["Daemon.test", "Daemon.test/tls-socket"] {
      try #require(unsafe chown("\(hosts.path)/\(path)", 1, 1) == 0)
    }
    try mode("\(hosts.path)/Daemon.test/tls-socket", 0o777)
    try #require(unsafe chown(hosts.path, 0, 4005) == 0)
    try mode(hosts.path, 0o1775)
    try mend(hosts, "Daemon.test")
    #expect(try Check(hosts, []).entry("daemon.test").verdict == "served")
  }

  @Test func `a name that is there already is not overwritten`() throws {
    let hosts = try HostsDirectory()
    for name in ["a.test", "A.test"] { try hosts.addBackend(name).answer("a") }
    #expect(try Check(hosts, []).entry("A.test").mends.allSatisfy { !$0.hasPrefix("mv") })
  }

  @Test func `misspelt files`() throws {
    let hosts = try HostsDirectory()
    let path = try hosts.add("a.test").path
    try Listener(.unix("\(path)/tls_socket")).answer("a")
    try Data().write(to: URL(filePath: "\(path)/send_proxy-V2"))
    try Data().write(to: URL(filePath: "\(path)/index.html"))
    let entry = try Check(hosts, []).entry("a.test")
    #expect(entry.codes == ["no-socket", "unknown-file"], "\(entry)")
    try mend(hosts, "a.test")
    try mode("\(path)/tls-socket", 0o600)
    let mended = try Check(hosts, []).entry("a.test")
    #expect(mended.verdict == "served" && mended.proxyHeader == 2 && mended.findings.isEmpty, "\(mended)")
  }

  @Test(arguments: ["tls_socket", "TLS-SOCKET", "tls-sock", "tls-socket-blue", "tls-handof"])
  func `a file that the socket is reached by is no misspelt one`(file: String) throws {
    let hosts = try HostsDirectory()
    let paths = try ["a.test", "b.test", "handed.test"].map { try hosts.add($0).path }
    try Listener(.unix("\(paths[0])/\(file)")).answer("a")
    try link("\(paths[0])/tls-socket", to: file)
    let elsewhere = Scratch.current.file("socket")
    try Listener(.unix(elsewhere)).answer("b")
    try link("\(paths[1])/\(file)", to: elsewhere)
    try link("\(paths[1])/tls-socket", to: "\(paths[1])/\(file)")
    let receiver = try Receiver(in: paths[2])
    receiver.serve { client in try client.connection.send("taken") }
    try #require(unsafe rename(receiver.path, "\(paths[2])/\(file)") == 0)
    try link("\(paths[2])/tls-handoff", to: file)
    let check = try Check(hosts, [])
    for name in ["a.test", "b.test", "handed.test"] {
      let entry = try check.entry(name)
      #expect(entry.verdict == "served" && entry.codes == (name == "handed.test" ? ["handoff-only"] : []), "\(entry)")
    }
  }

  @Test func `no socket is removed for its name`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("a")
    try Listener(.unix("\(hosts.path)/a.test/tls_socket")).answer("another")
    let entry = try Check(hosts, []).entry("a.test")
    #expect(entry.verdict == "served" && entry.codes == ["unknown-file"] && entry.mends == [], "\(entry)")
  }

  @Test func `both flags are noted`() throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("a.test", flags: .v1, .v2)
    backend.answer("a")
    try mode("\(hosts.path)/a.test/tls-socket", 0o700)
    let check = try Check(hosts, [])
    #expect(check.status == .exited(0))
    let entry = try check.entry("a.test")
    #expect(entry.codes == ["both-flags"] && entry.proxyHeader == 2)
  }

  @Test func `a socket for everybody beside a flag lets anyone forge addresses`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test", flags: .v1).answer("a")
    try hosts.addBackend("plain.test").answer("a")
    for name in ["a.test", "plain.test"] { try mode("\(hosts.path)/\(name)/tls-socket", 0o777) }
    let check = try Check(hosts, [])
    #expect(check.status == .exited(1))
    #expect(try check.entry("a.test").codes == ["forgeable"])
    #expect(try check.entry("plain.test").codes == [])
    // Who cannot come near it cannot write to it.
    for path in ["\(hosts.path)/a.test", hosts.path] {
      try mode(path, 0o750)
      #expect(try Check(hosts, []).entry("a.test").codes == [], "\(path)")
      try mode(path, 0o755)
    }
  }

  @Test func `a way that goes round a closed hosts directory lets anyone forge addresses`() throws {
    let hosts = try HostsDirectory()
    let socket = Scratch.current.file("socket")
    try Listener(.unix(socket)).answer("a")
    try mode(socket, 0o777)
    let entry = try hosts.add("a.test")
    try entry.add(.v1)
    try link(entry.socket, to: "../../\(URL(filePath: socket).lastPathComponent)")
    try mode(hosts.path, 0o710)
    #expect(try Check(hosts, []).entry("a.test").codes == ["forgeable"])
  }

  @Test func `links out of the hosts directory are problems in a chroot`() throws {
    let hosts = try HostsDirectory()
    let socket = Scratch.current.file("socket")
    try Listener(.unix(socket)).answer("a")
    try link(hosts.add("out.test").socket, to: socket)
    try hosts.addBackend("in.test").answer("a")
    try link("\(hosts.path)/alias.test", to: "in.test")
    try link("\(hosts.path)/up.test", to: "../\(URL(filePath: hosts.path).lastPathComponent)/in.test")
    let usual = try Check(hosts, [])
    #expect(usual.status == .exited(0))
    #expect(try usual.report().findings.contains { $0.code == "leaves-tree" && $0.text.hasPrefix("2 entries") })
    let chroot = try Check(hosts, ["--chroot"])
    #expect(chroot.status == .exited(1))
    for (name, leaves) in [("out.test", true), ("up.test", true), ("in.test", false), ("alias.test", false)] {
      #expect(try chroot.entry(name).codes == (leaves ? ["leaves-tree"] : []), "\(name)")
    }
    let text = try Check("--chroot", "--color", "always", hosts.path).output
    #expect(text.contains("\u{1b}[31mok outside a chroot: \(socket)\u{1b}[0m\n"), "\(text)")
    #expect(text.contains("\u{1b}[32mok: \(hosts.path)/in.test/tls-socket\u{1b}[0m\n"), "\(text)")
  }

  @Test func `what is for no client is not counted as well`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("a")
    for name in [".new", ".old"] { try hosts.add(name) }
    let check = try Check(hosts.path)
    #expect(check.status == .exited(0))
    let end = "\n3 entries: 1 well, 2 ignored, 0 with warnings, 0 with problems\n"
    #expect(check.output.hasSuffix(end), "\(check.output)")
  }

  @Test func `names that lead to one host directory are told once`() throws {
    let hosts = try HostsDirectory()
    for name in ["a.test", "b.test", "c.test"] { try hosts.addBackend(name).answer(name) }
    #expect(try !Check(hosts.path).output.contains("lead to one host directory"))
    try link("\(hosts.path)/www.a.test", to: "a.test")
    try link("\(hosts.path)/up.test", to: "../\(URL(filePath: hosts.path).lastPathComponent)/www.a.test")
    for number in 0..<6 { try link("\(hosts.path)/x\(number).test", to: "b.test") }
    let check = try Check(hosts.path)
    #expect(check.status == .exited(0))
    let line = """
      note: entries that lead to one host directory, whose connections --max-per-host counts together: a.test, up.test, \
      www.a.test; b.test, x0.test, x1.test, x2.test, x3.test, and 2 more

      """
    #expect(check.output.contains(line), "\(check.output)")
    let finding = try #require(try Check(hosts, []).report().findings.first { $0.code == "same-directory" })
    #expect(finding.severity == "note" && line.contains(finding.text))
    #expect(try Check("--quiet", hosts.path).output == "")
    let named = try Check(hosts, [], names: ["c.test", "a.test"]).report()
    #expect(!named.findings.contains { $0.code == "same-directory" })
  }

  @Test func `a hosts directory that anybody may change`() throws {
    let hosts = try HostsDirectory()
    try mode(hosts.path, 0o777)
    let check = try Check(hosts, [])
    #expect(try check.report().findings.contains { $0.code == "hosts-open-to-all" } && check.status == .exited(1))
    try mode(hosts.path, 0o1777)
    #expect(try Check(hosts, []).report().ok)
  }

  /// As examples/multi-user says it.
  @Test(.requiresRoot) func `a reserved name is well`() throws {
    let hosts = try HostsDirectory()
    try mode(hosts.path, 0o1777)
    for name in ["www.test", "users.test", "group.test"] { try hosts.add(name) }
    try hosts.addBackend("site.test").answer("a")
    for name in ["file.test", "open-file.test"] { try Data().write(to: URL(filePath: "\(hosts.path)/\(name)")) }
    for (name, bits) in [
      ("www.test", 0), ("users.test", 0), ("group.test", 0o700), ("site.test", 0o700), ("file.test", 0),
      ("open-file.test", 0o644),
    ] { try mode("\(hosts.path)/\(name)", bits) }
    try #require(unsafe chown("\(hosts.path)/users.test", 4321, 4321) == 0)
    let user = ["--user", "4000"]
    let check = try Check(hosts, user)
    for name in ["www.test", "file.test"] {
      let entry = try check.entry(name)
      #expect(entry.alert == 112 && entry.codes == ["reserved"] && entry.mends == [], "\(entry)")
      #expect(try Proxy(hosts, options: user).refusal(Hello(name)) == 112)
    }
    for name in ["users.test", "group.test", "site.test", "open-file.test"] {
      #expect(try !check.entry(name).codes.contains("reserved"), "\(name)")
    }
    #expect(check.status == .exited(1))
    let well = try Check("--user", "4000", hosts.path, "www.test", "file.test")
    #expect(well.status == .exited(0) && well.output.contains("www.test: reserved: clients get alert 112"))
    // Where nobody else can register names, none is reserved.
    try mode(hosts.path, 0o755)
    #expect(try Check(hosts, user).entry("www.test").codes == ["no-permission"])
  }

  @Test func `a host directory in place of the hosts directory`() throws {
    let hosts = try HostsDirectory()
    let entry = try hosts.add("a.test")
    try Listener(in: entry.path).answer("a")
    #expect(try Check("--json", hosts.path).report().findings.allSatisfy { $0.code != "host-directory" })
    for names in [[], ["a.test"]] {
      let check = try Check(HostsDirectory(path: entry.path), [], names: names)
      #expect(check.status == .exited(1))
      #expect(try check.report().findings.contains { $0.code == "host-directory" && $0.text.contains("tls-socket") })
    }
    unsafe unlink(entry.socket)
    try link("\(entry.path)/tls-handoff", to: "nowhere")
    #expect(try Check("--json", entry.path).report().findings.contains { $0.text.contains("there is tls-handoff") })
    // It may be a hostname.
    try link("\(hosts.path)/tls-socket", to: "a.test")
    #expect(try Check("--json", hosts.path).report().findings.allSatisfy { $0.code != "host-directory" })
  }

  @Test func `a name that is given twice is told once`() throws {
    let hosts = try HostsDirectory()
    for name in ["a.test", "b.test"] { try hosts.addBackend(name).answer("a") }
    let check = try Check(hosts.path, "a.test", "b.test", "A.TEST.", "a.test")
    #expect(check.output.hasSuffix("\n2 entries: 2 well, 0 with warnings, 0 with problems\n"), "\(check.output)")
  }

  @Test func `a name that is like another`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("shop.example").answer("a")
    let entry = try Check(hosts, [], names: ["shpo.example"]).entry("shpo.example")
    #expect(entry.codes == ["no-entry"] && entry.alert == 112)
    #expect(entry.findings[0].text.contains("is shop.example meant?"))
  }

  // MARK: - Permissions

  @Test(.requiresRoot, .requires("setfacl"), arguments: [0, 1])
  func `what is closed to the user is opened by what it says`(choice: Int) throws {
    let hosts = try HostsDirectory()
    let home = try Scratch.current.directory("home")
    let site = HostsDirectory(path: home)
    try site.addBackend("site").answer("served")
    try link("\(hosts.path)/a.test", to: "\(home)/site")
    for (path, bits) in [("site/tls-socket", 0o600), ("site", 0o700), ("", 0o700)] { try mode("\(home)/\(path)", bits) }
    for expected in ["\(home)", "\(home)/site", "\(home)/site/tls-socket"] {
      let entry = try Check(hosts, ["--user", "4000"]).entry("a.test")
      #expect(entry.codes == ["no-permission"] && entry.findings[0].text.contains(" \(expected) (mode "), "\(entry)")
      try mend(hosts, "a.test", ["--user", "4000"], choice: choice)
    }
    #expect(try Check(hosts, ["--user", "4000"]).entry("a.test").verdict == "served")
    #expect(try Proxy(hosts, "--user", "4000").ask("a.test") == "served")
  }

  @Test(.requiresRoot) func `a closed file in the socket's place is no socket, and is not opened`() throws {
    let hosts = try HostsDirectory()
    let path = try hosts.add("a.test").socket
    for bits in [0o644, 0o666] {
      try Data().write(to: URL(filePath: path))
      try mode(path, bits)
      let entry = try Check(hosts, ["--user", "4000"]).entry("a.test")
      #expect(entry.alert == (bits == 0o644 ? 112 : 80) && entry.codes == ["not-a-socket"], "\(entry)")
      #expect(entry.mends == ["rm \(path)   # and let the backend listen there"])
    }
  }

  /// The rights of others do not count for who is in the file's group (path_resolution(7)).
  @Test(.requiresRoot) func `what is closed to the user's group is opened to it`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("a")
    let socket = "\(hosts.path)/a.test/tls-socket"
    guard unsafe chown(socket, 0, 4001) == 0 else { throw Failure(lastError) }
    try mode(socket, 0o707)
    try mend(hosts, "a.test", ["--user", "4000:4001"], choice: 1)
    #expect(try Check(hosts, ["--user", "4000:4001"]).entry("a.test").verdict == "served")
    // Not to everybody, where the backend believes PROXY headers.
    try mode(socket, 0o700)
    try HostsDirectory.Entry(path: "\(hosts.path)/a.test").add(.v2)
    let mends = try Check(hosts, ["--user", "4000"]).entry("a.test").mends
    #expect(mends.count == 1 && mends[0].hasPrefix("setfacl -m u:4000:w "), "\(mends)")
  }

  @Test(.requiresRoot, .requires("setfacl")) func `a site is still served after its socket was closed to others`()
    throws
  {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test", flags: .v1).answer("a")
    let socket = "\(hosts.path)/a.test/tls-socket"
    guard unsafe chown(socket, 4001, 4001) == 0 else { throw Failure(lastError) }
    try mode(socket, 0o777)
    let user = ["--user", "4000"]
    let forgeable = try Check(hosts, user).entry("a.test")
    #expect(forgeable.codes == ["forgeable"] && forgeable.findings[0].text.contains("makes its socket anew"))
    try mend(hosts, "a.test", user)
    let entry = try Check(hosts, user).entry("a.test")
    #expect(entry.verdict == "served" && entry.codes == [], "\(entry)")
    #expect(try Proxy(hosts, options: user).ask("a.test").hasSuffix("a"))
  }

  /// It would be opened to the wrong user, or closed to the right one.
  @Test(.requiresRoot) func `who is not known to be sniproxy's user is told so, and offered no permissions`() throws {
    let hosts = try HostsDirectory()
    for name in ["forgeable.test", "closed.test", "directory.test"] { try hosts.addBackend(name).answer("a") }
    try HostsDirectory.Entry(path: "\(hosts.path)/forgeable.test").add(.v1)
    for (path, bits) in [
      ("forgeable.test/tls-socket", 0o777), ("closed.test/tls-socket", 0o400), ("directory.test", 0o600),
    ] { try mode("\(hosts.path)/\(path)", bits) }
    let program = try Program.path("sniproxy-check")
    for (user, code) in [("0", "as-root"), ("4000", "as-user")] {
      func look(_ name: String...) throws -> Check.Report {
        let looked = try Child(
          "setpriv", ["--reuid=\(user)", "--regid=\(user)", "--clear-groups", program, "--json", hosts.path] + name)
        _ = try looked.wait()
        return try Check.report(looked.output, looked.error)
      }
      let report = try look()
      #expect(report.findings.map(\.code) == [code])
      #expect(report.findings.allSatisfy { $0.text.contains("--user") && $0.severity == "note" })
      for (name, expected) in [
        ("forgeable.test", "forgeable"), ("closed.test", "no-permission"), ("directory.test", "no-permission"),
      ] {
        let entry = try #require(report.entries.first { $0.name == name })
        #expect(entry.codes == [expected] && entry.mends == [], "\(entry)")
      }
      try mode(hosts.path, 0o600)
      let closed = try look("closed.test").findings
      #expect(closed.map(\.code) == ["no-permission", code] && closed.allSatisfy { $0.mends == [] }, "\(closed)")
      try mode(hosts.path, 0o755)
    }
  }

  @Test(.requiresRoot) func `whose a delegated name is, and what mends it`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("a")
    let path = "\(hosts.path)/a.test"
    try mode("\(path)/tls-socket", 0o666)
    guard unsafe chown(path, 4321, 4321) == 0 else { throw Failure(lastError) }
    let entry = try Check(hosts, []).entry("a.test")
    #expect(entry.codes == ["socket-of-another"] && entry.findings[0].text.contains("user 4321 has a say"), "\(entry)")
    #expect(entry.mends.isEmpty, "root gives away nothing in a directory that the user may change")
    guard unsafe chown("\(path)/tls-socket", 4321, 4321) == 0 else { throw Failure(lastError) }
    #expect(try Check(hosts, []).entry("a.test").verdict == "served")
  }

  /// The user may have put a link in the place of what is to be mended.
  @Test(.requiresRoot) func `what is a user's is mended as that user`() throws {
    let hosts = try HostsDirectory()
    for (name, user) in [("daemon.test", uid_t(1)), ("nameless.test", 4321)] {
      try hosts.addBackend(name).answer("a")
      for path in ["\(name)/tls-socket", name] {
        guard unsafe chown("\(hosts.path)/\(path)", user, user) == 0 else { throw Failure(lastError) }
      }
      try mode("\(hosts.path)/\(name)/tls-socket", 0o700)
      try mode("\(hosts.path)/\(name)", 0o700)
    }
    let check = try Check(hosts, ["--user", "4000"])
    let mends = try check.entry("daemon.test").mends
    #expect(!mends.isEmpty && mends.allSatisfy { $0.hasPrefix("runuser -u daemon -- ") }, "\(mends)")
    #expect(try check.entry("nameless.test").mends.isEmpty)
    try mend(hosts, "daemon.test", ["--user", "4000"], choice: 1)
    #expect(
      try Check(hosts, ["--user", "4000"]).entry("daemon.test").findings[0].text.contains("may not write to"))
  }

  private func mode(_ path: String, _ mode: Int) throws {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }
}
