import Foundation
import Testing

/// What sniproxy-check says of an entry is what sniproxy does with it.
@Suite(.scratch, .requiresRoot)
struct CheckAgreementTests {
  /// An entry, which a name of its own is for, and the alert for its clients; nil if they are served.
  private struct Row: Sendable {
    let name: String
    let alert: UInt8?
    let make: @Sendable (Place) throws -> Void

    init(_ name: String, _ alert: UInt8?, _ make: @escaping @Sendable (Place) throws -> Void) {
      self.name = name + ".test"
      self.alert = alert
      self.make = make
    }

    func alert(_ anySocketOwner: Bool) -> UInt8? {
      (anySocketOwner ? CheckAgreementTests.anySocket[String(name.dropLast(5))] : nil) ?? alert
    }
  }

  private static let rows: [Row] = [
    // What is served
    Row("socket", nil) { try $0.listen($0.host()) },
    Row("link", nil) { try link($0.host() + "/tls-socket", to: $0.listen(elsewhere: "s")) },
    Row("relative", nil) { place in
      let socket = URL(filePath: try place.listen(elsewhere: "s"))
      let directory = socket.deletingLastPathComponent().lastPathComponent
      try link(place.host() + "/tls-socket", to: "../../\(directory)/s")
    },
    Row("entry-link", nil) { try $0.linkEntry(to: $0.elsewhere { try $0.listen($1) }) },
    Row("chain", nil) { place in
      let first = place.home + "/first"
      try link(first, to: place.elsewhere { try place.listen($1) })
      try place.linkEntry(to: first)
    },
    Row("through-proc", 112) { place in
      let host = try place.elsewhere { try place.listen($1) }
      try place.linkEntry(to: "/proc/1/root" + host)
    },
    Row(String(repeating: "a", count: 63) + "." + String(repeating: "b", count: 63), nil) { try $0.listen($0.host()) },
    Row("flags", nil) { place in
      let host = try place.host()
      try place.listen(host)
      for flag in HostsDirectory.Flag.allCases { try HostsDirectory.Entry(path: host).add(flag) }
    },
    Row("dangling-flag", nil) { place in
      let host = try place.host()
      try place.listen(host)
      try link(host + "/send-proxy-v1", to: "nowhere")
    },
    // What is not there
    Row("none", 112) { _ in },
    Row("no-socket", 112) { _ = try $0.host() },
    Row("dangling", 112) { try $0.linkEntry(to: "nowhere") },
    Row("dangling-far", 112) { try $0.linkEntry(to: "/nowhere/at/all") },
    Row("dangling-socket", 112) { try link($0.host() + "/tls-socket", to: "nowhere") },
    Row("through-file", 112) { try $0.linkEntry(to: "/etc/hostname/x") },
    Row("socket-through-file", 112) { try link($0.host() + "/tls-socket", to: "/etc/hostname/x") },
    Row("file", 112) { try Data().write(to: URL(filePath: $0.path)) },
    Row("fifo", 112) { unsafe mkfifo($0.path, 0o666) },
    Row("link-to-file", 112) { try $0.linkEntry(to: "/etc/hostname") },
    Row("loop", 80) { try $0.linkEntry(to: $0.path) },
    Row("socket-loop", 80) { try link($0.host() + "/tls-socket", to: "tls-socket") },
    // What is no stream socket that somebody listens on
    Row("stale", 80) { place in try place.leaveSocket(place.host()) },
    Row("datagram", 80) { try place($0, bound: SOCK_DGRAM) },
    Row("packets", 80) { try place($0, bound: SOCK_SEQPACKET) },
    Row("regular", 80) { place in
      let file = try place.host() + "/tls-socket"
      try Data().write(to: URL(filePath: file))
      try mode(file, 0o666)
    },
    Row("regular-closed", 112) { place in
      let file = try place.host() + "/tls-socket"
      try Data().write(to: URL(filePath: file))
      try mode(file, 0o644)
    },
    Row("pipe", 80) { place in
      let file = try place.host() + "/tls-socket"
      unsafe mkfifo(file, 0o666)
      try mode(file, 0o666)
    },
    Row("directory", 112) { place in
      try FileManager.default.createDirectory(atPath: place.host() + "/tls-socket", withIntermediateDirectories: false)
    },
    Row("open-directory", 80) { place in
      let directory = try place.host() + "/tls-socket"
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
      try mode(directory, 0o777)
    },
    // Over more steps than the rule for delegated names follows
    Row("far", 80) { place in
      _ = try place.listen(elsewhere: "s")
      try link(place.host() + "/tls-socket", to: place.detour + "/s")
    },
    Row("far-entry", 80) { place in
      _ = try place.elsewhere { try place.listen($1) }
      try place.linkEntry(to: place.detour + "/site")
    },
    Row("slash", nil) { try link($0.host() + "/tls-socket", to: $0.listen(elsewhere: "s") + "/") },
    Row("full", 80) { place in
      let host = try place.host()
      let listener = try place.listen(host, backlog: 0)
      try place.fill(listener)
    },
    // Who may not
    Row("closed", 112) { place in
      let host = try place.host()
      try place.listen(host)
      try mode(host, 0o700)
    },
    Row("closed-socket", 112) { place in
      let host = try place.host()
      try place.listen(host)
      try mode(host + "/tls-socket", 0o600)
    },
    Row("closed-home", 112) { place in
      let host = try place.elsewhere { try place.listen($1) }
      try place.linkEntry(to: host)
      try mode(place.home, 0o700)
    },
    Row("closed-way", 112) { place in
      let socket = try place.listen(elsewhere: "s")
      try link(place.host() + "/tls-socket", to: socket)
      try mode(place.home, 0o600)
    },
    Row("own-directory", nil) { place in
      let host = try place.host()
      try place.listen(host)
      try mode(host, 0o711)
    },
    // Who has a say
    Row("users-own", nil) { place in
      let host = try place.host()
      try place.listen(host)
      for path in [host, host + "/tls-socket"] { try own(path, alice) }
    },
    Row("users-bare", 112) { place in
      let host = try place.host()
      try place.listen(host)
      try own(host, alice)
    },
    Row("users-link", 112) { place in
      try link(place.host() + "/tls-socket", to: place.listen(elsewhere: "s"))
      try own(place.path + "/tls-socket", alice)
    },
    Row("users-home", nil) { place in
      let socket = try place.listen(elsewhere: "s")
      try link(place.host() + "/tls-socket", to: socket)
      for path in [place.home, socket] { try own(path, alice) }
    },
    Row("users-stale", 80) { place in
      let host = try place.host()
      try place.leaveSocket(host)
      for path in [host, host + "/tls-socket"] { try own(path, alice) }
    },
    Row("users-file", 112) { place in
      try link(place.host() + "/tls-socket", to: "/etc/shadow")
      try own(place.path + "/tls-socket", alice)
    },
    Row("two", 112) { place in
      let socket = try place.listen(elsewhere: "s")
      try link(place.host() + "/tls-socket", to: socket)
      try own(place.path, bob)
      for path in [place.path + "/tls-socket", socket] { try own(path, alice) }
    },
    Row("nobody", 112) { place in
      let host = try place.host()
      try place.listen(host)
      for path in [host, host + "/tls-socket"] { try own(path, 65534) }
    },
    Row("open", 112) { place in
      let host = try place.host()
      try place.listen(host)
      try mode(host, 0o777)
    },
    Row("sticky", nil) { place in
      let host = try place.host()
      try place.listen(host)
      try mode(host, 0o1777)
    },
    Row("open-home", 112) { place in
      try link(place.host() + "/tls-socket", to: place.listen(elsewhere: "s"))
      try mode(place.home, 0o777)
    },
  ]

  /// Rows that `--any-socket-owner` serves, or refuses for another reason.
  private static let anySocket: [String: UInt8?] = [
    "far": nil, "far-entry": nil, "slash": 112, "users-bare": nil, "users-link": nil, "two": nil, "nobody": nil,
    "open": nil, "open-home": nil,
  ]

  @Test(arguments: [false, true])
  func `the verdict is the alert that sniproxy gives`(anySocketOwner: Bool) throws {
    let hosts = try HostsDirectory()
    let options = ["--user", "4000:4000"] + (anySocketOwner ? ["--any-socket-owner"] : [])
    for row in Self.rows { try row.make(Place(path: "\(hosts.path)/\(row.name)")) }
    let check = try Check(hosts, options)
    #expect(check.status == .exited(1), "\(check.error)")
    let proxy = try Proxy(hosts, options: options + ["--connect-timeout", "0.5"])
    for row in Self.rows where row.name != "none.test" {
      let expected = row.alert(anySocketOwner)
      let entry = try check.entry(row.name)
      let client = try proxy.connect(Hello(row.name))
      let (bytes, _) = try client.receiveAll()
      client.close()
      let alert = bytes.first == 21 ? bytes[6] : nil
      #expect(alert == expected, "sniproxy on \(row.name): \(proxy.log)")
      let told = entry.verdict == "waits" ? 80 : entry.alert
      #expect(told == alert, "\(entry)")
      #expect(!entry.codes.contains("changed"), "\(entry)")
      #expect((entry.verdict == "served") == (alert == nil), "\(entry)")
      #expect(entry.findings.contains { $0.severity != "note" && $0.code != "forgeable" } == (alert != nil), "\(entry)")
    }
    let none = try Check(hosts, options, names: ["none.test"]).entry("none.test")
    #expect(try none.alert == proxy.refusal(Hello("none.test")) && none.codes == ["no-entry"])
  }

  /// Without a connection nothing is called well that is refused for another reason than its backend.
  @Test(arguments: [false, true])
  func `without connecting it says no more than it knows`(anySocketOwner: Bool) throws {
    let hosts = try HostsDirectory()
    for row in Self.rows { try row.make(Place(path: "\(hosts.path)/\(row.name)")) }
    let options = ["--user", "4000:4000", "--no-connect"] + (anySocketOwner ? ["--any-socket-owner"] : [])
    let check = try Check(hosts, options)
    let backends = ["stale.test", "datagram.test", "packets.test", "full.test", "users-stale.test"]
    for row in Self.rows where row.name != "none.test" {
      let entry = try check.entry(row.name)
      let expected = row.alert(anySocketOwner)
      switch entry.verdict {
      case "refused": #expect(entry.alert == expected, "\(entry)")
      case "not-connected":
        #expect(expected == nil || backends.contains(row.name) || entry.codes.contains("owner-unknown"), "\(entry)")
      default: Issue.record("\(entry)")
      }
    }
  }

  @Test func `hashed names`() throws {
    let hosts = try HostsDirectory()
    let sum = String(try run("sh", "-c", "printf %s hashed.test | sha256sum").output.prefix(64))
    try hosts.addBackend(sum).answer("hashed")
    try hosts.addBackend("plain.test").answer("plain")
    let proxy = try Proxy(hosts, "--hashed")
    #expect(try proxy.ask("hashed.test") == "hashed")
    #expect(try proxy.refusal(Hello("plain.test")) == 112)
    let all = try Check(hosts, ["--hashed"])
    #expect(try all.entry(sum).verdict == "served")
    let plain = try all.entry("plain.test")
    #expect(plain.verdict == "unreachable" && plain.codes == ["hashed-mixed"])
    let named = try Check(hosts, ["--hashed"], names: ["Hashed.Test."]).entry("hashed.test")
    #expect(named.entry == sum && named.verdict == "served")
    let text = try Check("--hashed", hosts.path).output
    #expect(text.contains(/(?m)^plain\.test: no client can ask for it$/), "\(text)")
  }
}

/// Where an entry is to be, and a directory elsewhere for what it leads to.
private struct Place {
  let path: String
  let home: String

  init(path: String) throws {
    self.path = path
    home = try Scratch.current.directory("home")
  }

  /// The directory elsewhere, over three hundred steps.
  var detour: String {
    home + String(repeating: "/../\(URL(filePath: home).lastPathComponent)", count: 150)
  }

  /// Makes the entry a directory.
  func host() throws -> String {
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    return path
  }

  func linkEntry(to target: String) throws { try link(path, to: target) }

  @discardableResult
  func listen(_ host: String, backlog: Int32 = 128) throws -> Listener {
    let listener = try Listener(in: host, backlog: backlog)
    try mode(host + "/tls-socket", 0o666)
    if backlog > 0 { listener.answer("served") }
    return listener
  }

  /// A socket that nobody listens on any more.
  func leaveSocket(_ host: String) throws {
    try Listener(in: host).close()
    try mode(host + "/tls-socket", 0o666)
  }

  /// A host directory at home.
  func elsewhere(_ make: (Place, String) throws -> Void) throws -> String {
    let host = home + "/site"
    try FileManager.default.createDirectory(atPath: host, withIntermediateDirectories: false)
    try make(self, host)
    return host
  }

  /// A socket at home.
  func listen(elsewhere name: String) throws -> String {
    let socket = "\(home)/\(name)"
    try Listener(.unix(socket)).answer("served")
    try mode(socket, 0o666)
    return socket
  }

  /// Connects until the backlog is full.
  func fill(_ listener: Listener) throws {
    for _ in 0..<4 {
      let descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
      Scratch.current.atEnd { close(descriptor) }
      guard try Address.unix(path + "/tls-socket").connect(descriptor) == 0 else { return }
    }
    throw Failure("the backlog does not become full")
  }
}

/// A socket of another type at the place's tls-socket.
private func place(_ place: Place, bound type: __socket_type) throws {
  let descriptor = socket(AF_UNIX, Int32(type.rawValue | SOCK_CLOEXEC.rawValue), 0)
  Scratch.current.atEnd { close(descriptor) }
  let path = try place.host() + "/tls-socket"
  guard descriptor >= 0, try Address.unix(path).bind(descriptor) == 0 else { throw Failure("no socket: \(lastError)") }
  if type == SOCK_SEQPACKET { listen(descriptor, 5) }
  try mode(path, 0o666)
}

private func mode(_ path: String, _ mode: Int) throws {
  try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
}

private func own(_ path: String, _ user: uid_t) throws {
  guard unsafe lchown(path, user, user) == 0 else { throw Failure("cannot give away \(path): \(lastError)") }
}

private let alice: uid_t = 4321
private let bob: uid_t = 8765
