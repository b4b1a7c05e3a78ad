import Foundation
import Testing

/// Where sniproxy looks for a name's backend.
@Suite(.scratch)
struct HostsDirectoryTests {
  @Test func `the working directory is the default`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("here.test").answer("here")
    let proxy = try Proxy(nil, workingDirectory: hosts.path)
    #expect(try proxy.ask("here.test") == "here")
  }

  @Test func `the name is lower-cased before the look-up`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("case.test").answer("lower case")
    try hosts.addBackend("UPPER.test").answer("upper case")
    let proxy = try Proxy(hosts)
    #expect(try proxy.ask("CASE.Test") == "lower case")
    #expect(try proxy.refusal(Hello("UPPER.test")) == 112)
  }

  @Test func `with --hashed entries are named by the SHA-256 of the lower-case name`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend(try sha256("hashed.test")).answer("hashed")
    try hosts.addBackend("plain.test").answer("plain")
    let proxy = try Proxy(hosts, "--hashed")
    #expect(try proxy.ask("hashed.test") == "hashed")
    #expect(try proxy.ask("HASHED.test") == "hashed")
    #expect(try proxy.refusal(Hello("plain.test")) == 112)
    #expect(try proxy.refusal(Hello(try sha256("hashed.test"))) == 112)
  }

  @Test(arguments: [false, true])
  func `the 108-byte limit of socket addresses does not show`(hashed: Bool) throws {
    var path = try Scratch.current.directory("deep")
    while path.utf8.count < 3000 { path += "/" + String(repeating: "d", count: 200) }
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    let hosts = HostsDirectory(path: path)
    let label = String(repeating: "a", count: 63)
    let name = "\(label).\(label).\(label).\(label.dropLast(2))"
    try #require(name.utf8.count == 253)
    let backend = try hosts.addBackend(hashed ? try sha256(name) : name, flags: .v2)
    let proxy = hashed ? try Proxy(hosts, "--hashed") : try Proxy(hosts)
    let client = try proxy.connect(Hello(name))
    let header = try ProxyHeaderVersion2(from: backend.accept())
    #expect(header.values[ProxyHeaderVersion2.authority] == Array(name.utf8))
    client.close()
    #expect(try proxy.refusal(Hello(name + "a")) == 112)
  }

  @Test func `an entry may be a link`() throws {
    let hosts = try HostsDirectory()
    let elsewhere = HostsDirectory(path: try Scratch.current.directory("elsewhere"))
    try elsewhere.addBackend("backend", flags: .v1).answer("elsewhere")
    try link("\(hosts.path)/absolute.test", to: "\(elsewhere.path)/backend")
    let folder = URL(filePath: elsewhere.path).lastPathComponent
    try link("\(hosts.path)/relative.test", to: "../\(folder)/backend")
    try link("\(hosts.path)/chain.test", to: "relative.test")
    try link("\(hosts.path)/dangling.test", to: "nowhere")
    let proxy = try Proxy(hosts)
    for name in ["absolute.test", "relative.test", "chain.test"] {
      #expect(try proxy.ask(name) == "elsewhere")
    }
    #expect(try proxy.refusal(Hello("dangling.test")) == 112)
  }

  @Test func `tls-socket may be a link`() throws {
    let hosts = try HostsDirectory()
    let elsewhere = Scratch.current.file("backend-socket")
    try Listener(.unix(elsewhere)).answer("elsewhere")
    try link(hosts.add("absolute.test").socket, to: elsewhere)
    try link(hosts.add("relative.test").socket, to: "../../\(URL(filePath: elsewhere).lastPathComponent)")
    let proxy = try Proxy(hosts)
    #expect(try proxy.ask("absolute.test") == "elsewhere")
    #expect(try proxy.ask("relative.test") == "elsewhere")
  }

  @Test func `what changes counts from the next connection on`() throws {
    let hosts = try HostsDirectory()
    let proxy = try Proxy(hosts)
    #expect(try proxy.refusal(Hello("new.test")) == 112)
    let entry = try hosts.add("new.test")
    #expect(try proxy.refusal(Hello("new.test")) == 112)
    try Listener(in: entry.path).answer("here")
    #expect(try proxy.ask("new.test") == "here")
    try FileManager.default.removeItem(atPath: entry.socket)
    #expect(try proxy.refusal(Hello("new.test")) == 112)
  }

  @Test func `the hosts directory is opened once, so renaming it changes nothing`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("first.test").answer("first")
    let proxy = try Proxy(hosts)
    try FileManager.default.moveItem(atPath: hosts.path, toPath: hosts.path + "-renamed")
    try FileManager.default.createDirectory(atPath: hosts.path, withIntermediateDirectories: false)
    #expect(try proxy.ask("first.test") == "first")
  }

  /// In a sticky directory the kernel follows nobody's link but the follower's and the directory's owner's; sniproxy does.
  @Test(.requiresRoot, .enabled(if: ProtectedLinks.canBeSet, "fs.protected_symlinks cannot be set"))
  func `a user's link works in a sticky hosts directory`() throws {
    let hosts = try HostsDirectory()
    let user: uid_t = 4321
    let home = HostsDirectory(path: try Scratch.current.directory("home"))
    try home.addBackend("site").answer("the user's site")
    for path in [home.path, "\(home.path)/site", "\(home.path)/site/tls-socket"] { try own(path, user) }
    // Root has no capability left that would open it.
    try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: "\(home.path)/site/tls-socket")
    try link("\(hosts.path)/user.test", to: "\(home.path)/site")
    try own("\(hosts.path)/user.test", user)
    try FileManager.default.setAttributes([.posixPermissions: 0o1777], ofItemAtPath: hosts.path)
    try ProtectedLinks.turnOn()
    #expect(throws: (any Error).self, "a plain open is denied") {
      try FileManager.default.contentsOfDirectory(atPath: "\(hosts.path)/user.test")
    }
    let proxy = try Proxy(hosts)
    #expect(try proxy.ask("user.test") == "the user's site")
  }

  private func own(_ path: String, _ user: uid_t) throws {
    guard unsafe lchown(path, user, user) == 0 else { throw Failure("cannot give away \(path): \(lastError)") }
  }

  private func sha256(_ name: String) throws -> String {
    let sum = try run("sh", "-c", "printf %s \"$1\" | sha256sum", "sh", name)
    return String(sum.output.prefix(64))
  }
}

/// The kernel's protection of links in sticky directories.
private enum ProtectedLinks {
  static let path = "/proc/sys/fs/protected_symlinks"

  static var canBeSet: Bool { FileManager.default.isWritableFile(atPath: path) }

  /// Until the test ends.
  static func turnOn() throws {
    let before = try String(contentsOfFile: path, encoding: .utf8)
    try write("1")
    Scratch.current.atEnd { try? write(before) }
  }

  private static func write(_ value: String) throws {
    let file = try FileHandle(forWritingTo: URL(filePath: path))
    try file.write(contentsOf: Data(value.utf8))
    try file.close()
  }
}
