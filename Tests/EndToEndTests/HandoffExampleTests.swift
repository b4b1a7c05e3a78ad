import Foundation
import Testing

/// The receivers of `examples/handoff` with real TLS clients.
@Suite(.scratch, .requires("systemd-socket-activate", "python3", "gcc", "curl", "openssl"))
struct HandoffExampleTests {
  private let certificate: Certificate
  private let entry: String
  private var socket: String { "\(entry)/tls-handoff" }

  init() throws {
    certificate = try Certificate("handoff.test")
    entry = try HostsDirectory().add("handoff.test").path
  }

  enum Language: CaseIterable {
    case python, c, swift

    /// The command of a receiver.
    func command() throws -> [String] {
      let directory = "\(Program.package)/examples/handoff"
      switch self {
      case .python: return ["python3", "\(directory)/receiver.py"]
      case .c:
        let program = Scratch.current.file("receiver")
        let made = try run(
          "gcc", "-Wall", "-Wextra", "-Werror", "-O2", "-o", program, "\(directory)/receiver.c", "-lssl", "-lcrypto")
        guard made.status == .exited(0) else { throw Failure("gcc: \(made.error)") }
        return [program]
      case .swift: return [try Program.path("handoff-example")]
      }
    }
  }

  /// A receiver that gets its socket as from a socket unit. It starts with the first client.
  private func receiver(_ language: Language, _ user: String...) throws -> Child {
    let command = try language.command() + [certificate.certificate, certificate.key] + user
    let child = try Child("systemd-socket-activate", ["--seqpacket", "--listen", socket] + command)
    try eventually("the socket: \(child.error)") { try Address.unix(socket).hasListener }
    try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: socket)
    return child
  }

  @Test(arguments: Language.allCases)
  func `a client is served, and known by its own address`(language: Language) throws {
    let receiver = try receiver(language)
    let sender = try HandoffSender(to: socket, "handoff.test")
    for _ in 0..<3 {
      let got = try #require(try sender.curl("handoff.test", certificate), "\(receiver.error)")
      #expect(got.answer == "hello, 127.0.0.2 port \(got.port)")
      #expect(receiver.output.contains("127.0.0.2 port \(got.port) asks for handoff.test\n"))
    }
    #expect(receiver.isRunning)
  }

  @Test(arguments: Language.allCases)
  func `peers who say nothing or nonsense hold up nobody, nor do silent clients`(language: Language) throws {
    let receiver = try receiver(language)
    let sender = try HandoffSender(to: socket, "handoff.test")
    var peers: [Int32] = []
    defer { for peer in peers { close(peer) } }
    for message in ["", "nonsense", "\r\n\r\n\0\r\nQUIT\n\u{21}\u{11}"] {
      let peer = Glibc.socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0)
      peers.append(peer)
      try #require(try Address.unix(socket).connect(peer) == 0)
      if !message.isEmpty { #expect(unsafe send(peer, message, message.utf8.count, 0) == message.utf8.count) }
    }
    let silent = try Connection(to: .ip4(sender.port))
    try eventually("the silent client to be received: \(receiver.error)") {
      receiver.output.contains("127.0.0.1 port \(try silent.port) asks for")
    }
    let got = try #require(try sender.curl("handoff.test", certificate), "\(receiver.error)")
    #expect(got.answer == "hello, 127.0.0.2 port \(got.port)")
  }

  @Test(.requiresRoot, arguments: Language.allCases)
  func `only root and the named user may hand over`(language: Language) throws {
    let receiver = try receiver(language, "games")
    let stranger = try HandoffSender(to: socket, "handoff.test", launcher: ["setpriv"] + asUser(12345))
    #expect(try stranger.curl("handoff.test", certificate) == nil)
    try eventually("a word about it: \(receiver.output)") {
      "\(receiver.output)\(receiver.error)".contains("user 12345")
    }
    let games = try unsafe #require(unsafe getpwnam("games"))
    let named = try HandoffSender(
      to: socket, "handoff.test", launcher: ["setpriv"] + asUser(unsafe games.pointee.pw_uid))
    #expect(try named.curl("handoff.test", certificate)?.answer.hasPrefix("hello, 127.0.0.2") == true)
  }

  @Test func `the one in Swift makes its own socket, and a second one leaves it alone`() throws {
    let command = try Language.swift.command() + [certificate.certificate, certificate.key]
    let receiver = try Child(command[0], Array(command.dropFirst()), workingDirectory: entry)
    try eventually("the socket: \(receiver.output)") { FileManager.default.fileExists(atPath: socket) }
    let sender = try HandoffSender(to: socket, "handoff.test")
    #expect(try sender.curl("handoff.test", certificate) != nil)
    let second = try Child(command[0], Array(command.dropFirst()), workingDirectory: entry)
    #expect(try second.wait() == .exited(111))
    #expect(second.output.contains("another process listens there"))
    #expect(try sender.curl("handoff.test", certificate) != nil)

    // The socket stays, and the next one takes its place.
    receiver.end()
    let left = try inode(socket)
    _ = try Child(command[0], Array(command.dropFirst()), workingDirectory: entry)
    try eventually("another socket") { try inode(socket) != left }
    #expect(try sender.curl("handoff.test", certificate) != nil)
  }

  private func inode(_ path: String) throws -> UInt64? {
    try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? UInt64
  }
}

/// The units of `examples/handoff` under a real systemd.
@Suite(
  .scratch, .serialized, .requiresNamespaces, .inShippedUnit,
  .requires("make", "systemctl", "unshare", "nsenter", "setpriv", "python3", "curl", "openssl")
)
struct HandoffUnitTests {
  @Test func `the units serve clients that the proxy's user hands over, and nobody else may connect`() throws {
    let certificate = try Certificate("example.com")
    let hosts = try HostsDirectory()
    try hosts.add("example.com")
    let machine = try Machine(installed: try Deployment.install(), mounts: ["/srv/sniproxy": hosts.path])
    let examples = "/usr/local/share/doc/sniproxy/examples/handoff"
    for command in [
      ["systemd-sysusers"], ["cp", "\(examples)/handoff-example.socket", "/etc/systemd/system"],
      ["cp", "\(examples)/handoff-example.service", "/etc/systemd/system"],
      ["cp", certificate.certificate, "/etc/ssl/example.com.pem"],
      ["install", "-m", "600", certificate.key, "/etc/ssl/private/example.com.key"], ["systemctl", "daemon-reload"],
      ["systemctl", "enable", "--now", "handoff-example.socket"],
    ] {
      let done = try machine.run(command[0], Array(command.dropFirst()))
      #expect(done.status == .exited(0), "\(command): \(done.error)")
    }
    let verdict = try machine.run("systemd-analyze", "verify", "handoff-example.socket", "handoff-example.service")
    #expect(verdict.status == .exited(0) && verdict.error.isEmpty, "\(verdict)")
    let status = try machine.run("stat", "--format", "%A %G", "/srv/sniproxy/example.com/tls-handoff").output
    #expect(status == "srw-rw---- sniproxy\n")

    let user = ["--reuid=sniproxy", "--regid=sniproxy", "--clear-groups"]
    let command = HandoffSender.command("/srv/sniproxy/example.com/tls-handoff", "example.com")
    let sender = try HandoffSender(machine.start("setpriv", user + command))
    func journal() -> String {
      (try? machine.run("journalctl", "--unit", "handoff-example.service", "--output", "cat").output) ?? ""
    }
    for _ in 0..<2 {
      let answer = try machine.run(
        "curl", Proxy.curlArguments("example.com", port: sender.port, certificate) + ["--interface", "127.0.0.2"])
      #expect(answer.status == .exited(0), "\(answer.error)\n\(journal())\n\(machine.log)")
      #expect(answer.output.hasPrefix("hello, 127.0.0.2 port "))
    }
    #expect(journal().contains("127.0.0.2 port "))
  }
}
