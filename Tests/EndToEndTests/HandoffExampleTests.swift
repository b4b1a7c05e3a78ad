import Foundation
import Testing

/// The receivers of `examples/handoff` with real TLS clients.
@Suite(.scratch, .requires("systemd-socket-activate", "python3", "gcc", "curl", "openssl"))
struct HandoffExampleTests {
  private let certificate: Certificate
  private let hosts: HostsDirectory
  private let entry: String
  private var socket: String { "\(entry)/tls-handoff" }

  init() throws {
    certificate = try Certificate("curl.example.com")
    hosts = try HostsDirectory()
    entry = try hosts.add("curl.example.com").path
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
    try eventually("systemd-socket-activate to listen: \(child.error)") { child.error.contains("Listening on ") }
    try FileManager.default.setAttributes([.posixPermissions: 0o666], ofItemAtPath: socket)
    return child
  }

  /// Asks with a source address of its own, and expects to be known by it.
  private func expectService(_ proxy: Proxy, _ receiver: Child) throws {
    let answer = try proxy.curl(
      "curl.example.com", certificate, "--interface", "127.0.0.2", "--write-out", "%{local_port}")
    let lines = answer.split(separator: "\n")
    try #require(lines.count == 2, "\(answer)\n\(receiver.error)")
    #expect(lines[0] == "hello, 127.0.0.2 port \(lines[1])")
    #expect(receiver.output.contains("127.0.0.2 port \(lines[1]) asks for curl.example.com\n"))
  }

  /// A client that sends its ClientHello, and then nothing.
  private func silentClient(_ proxy: Proxy) throws -> Connection {
    let file = "\(Program.package)/Tests/Corpus/clienthello/hello/curl.bin"
    let client = try proxy.connect()
    try client.send(Array(Data(contentsOf: URL(filePath: file))))
    return client
  }

  @Test(arguments: Language.allCases)
  func `a client is served, and known by its own address`(language: Language) throws {
    let receiver = try receiver(language)
    let proxy = try Proxy(hosts)
    for _ in 0..<3 { try expectService(proxy, receiver) }
    #expect(receiver.isRunning)
  }

  @Test(arguments: Language.allCases)
  func `peers who say nothing or nonsense hold up nobody, nor do silent clients`(language: Language) throws {
    let receiver = try receiver(language)
    let proxy = try Proxy(hosts)
    var peers: [Int32] = []
    defer { for peer in peers { close(peer) } }
    for message in ["", "nonsense", "\r\n\r\n\0\r\nQUIT\n\u{21}\u{11}"] {
      let peer = Glibc.socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0)
      peers.append(peer)
      try #require(try Address.unix(socket).connect(peer) == 0)
      if !message.isEmpty { #expect(unsafe send(peer, message, message.utf8.count, 0) == message.utf8.count) }
    }
    let silent = try silentClient(proxy)
    try eventually("the silent client to be received: \(receiver.error)") {
      receiver.output.contains("127.0.0.1 port \(try silent.port) asks for")
    }
    try expectService(proxy, receiver)
    #expect(try silent.receive(1) == [22], "it is in the middle of its handshake")
  }

  @Test(.requiresRoot, arguments: Language.allCases)
  func `only root and the named user may hand over`(language: Language) throws {
    let receiver = try receiver(language, "games")
    let stranger = try Proxy(hosts, "--user", "12345:12345")
    let refused = try Child("curl", Proxy.curlArguments("curl.example.com", port: stranger.port, certificate))
    #expect(try refused.wait() != .exited(0))
    try eventually("a word about it: \(receiver.output)") {
      "\(receiver.output)\(receiver.error)".contains("user 12345")
    }
    try expectService(try Proxy(hosts, "--user", "games"), receiver)
    try expectService(try Proxy(hosts), receiver)
  }

  @Test func `the one in Swift makes its own socket, and a second one leaves it alone`() throws {
    let command = try Language.swift.command() + [certificate.certificate, certificate.key]
    let receiver = try Child(command[0], Array(command.dropFirst()), workingDirectory: entry)
    try eventually("the socket: \(receiver.output)") { FileManager.default.fileExists(atPath: socket) }
    let proxy = try Proxy(hosts)
    try expectService(proxy, receiver)
    let second = try Child(command[0], Array(command.dropFirst()), workingDirectory: entry)
    #expect(try second.wait() == .exited(111))
    #expect(second.output.contains("another process listens there"))
    try expectService(proxy, receiver)

    // The socket stays, and the next one takes its place.
    receiver.end()
    let left = try inode(socket)
    let next = try Child(command[0], Array(command.dropFirst()), workingDirectory: entry)
    try eventually("another socket") { try inode(socket) != left }
    try expectService(proxy, next)
  }

  @Test(.requires("prlimit"))
  func `clients for whom the one in Swift has no descriptors wait`() throws {
    // Some of them are taken by what the tests themselves were started with.
    let command = ["--nofile=100"] + (try Language.swift.command()) + [certificate.certificate, certificate.key]
    let receiver = try Child("prlimit", command, workingDirectory: entry)
    try eventually("the socket: \(receiver.output)") { FileManager.default.fileExists(atPath: socket) }
    let proxy = try Proxy(hosts)
    let clients = try (0..<130).map { _ in try silentClient(proxy) }
    try eventually("all descriptors to be in use: \(receiver.output)") {
      let open = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(receiver.pid)/fd").compactMap { Int($0) }
      return open.count { $0 < 100 } >= 98
    }
    let served = receiver.output
    for client in clients { client.close() }
    try eventually("those who waited: \(receiver.output)") { receiver.output.count > served.count }
    #expect(!receiver.output.contains("there is no room"))
    try expectService(proxy, receiver)
  }

  private func inode(_ path: String) throws -> UInt64? {
    try FileManager.default.attributesOfItem(atPath: path)[.systemFileNumber] as? UInt64
  }
}

/// The units of `examples/handoff` under a real systemd.
@Suite(
  .scratch, .serialized, .requiresNamespaces, .inShippedUnit,
  .requires("make", "systemctl", "unshare", "nsenter", "python3", "curl", "openssl")
)
struct HandoffUnitTests {
  @Test func `the shipped proxy hands over to the units, and nobody else may`() throws {
    let certificate = try Certificate("example.com")
    let deployment = try Deployment()
    try deployment.hosts.add("example.com")
    let machine = deployment.machine
    let examples = "/usr/local/share/doc/sniproxy/examples/handoff"
    for command in [
      ["cp", "\(examples)/handoff-example.socket", "\(examples)/handoff-example.service", "/etc/systemd/system"],
      ["cp", certificate.certificate, "/etc/ssl/example.com.pem"],
      ["install", "-m", "600", certificate.key, "/etc/ssl/private/example.com.key"],
      ["systemctl", "daemon-reload"], ["systemctl", "enable", "--now", "handoff-example.socket"],
    ] {
      let done = try machine.run(command[0], Array(command.dropFirst()))
      #expect(done.status == .exited(0), "\(command): \(done.error)")
    }
    let verdict = try machine.run("systemd-analyze", "verify", "handoff-example.socket", "handoff-example.service")
    #expect(verdict.status == .exited(0) && verdict.error.isEmpty, "\(verdict)")
    let status = try machine.run("stat", "--format", "%A %G", "/srv/sniproxy/example.com/tls-handoff").output
    #expect(status == "srw-rw---- sniproxy\n")

    for _ in 0..<2 {
      let answer = try deployment.curl("example.com", certificate, "--interface", "127.0.0.2")
      #expect(answer.hasPrefix("hello, ") && answer.contains("127.0.0.2 port "), "\(answer)")
    }
    let journal = try machine.run("journalctl", "--unit", "handoff-example.service", "--output", "cat").output
    #expect(journal.contains("127.0.0.2 port "))
  }
}
