import Foundation
import Testing

/// What sniproxy-check says of `tls-handoff`.
@Suite(.scratch)
struct CheckHandoffTests {
  private let hosts: HostsDirectory
  private let entry: HostsDirectory.Entry

  init() throws {
    hosts = try HostsDirectory()
    entry = try hosts.add("a.test")
  }

  /// What it says, and that sniproxy gives the same alert to who can be handed over and to who cannot.
  private func look(_ options: [String] = [], fileAndLine: SourceLocation = #_sourceLocation) throws -> Check.Entry {
    let said = try Check(hosts, options).entry("a.test")
    let path = Scratch.current.file("listener")
    let proxy = try Proxy(
      hosts, options: options + ["--connect-timeout", "0.5"], listen: ["127.0.0.1:0", "unix:\(path)"])
    let relayed = try #require(said.relayed, sourceLocation: fileAndLine)
    for (index, told) in [said.alert, relayed.alert].enumerated() {
      let client = try proxy.connect(index)
      defer { client.close() }
      try client.send(Hello("a.test").bytes)
      let (bytes, _) = try client.receiveAll()
      #expect((bytes.first == 21 ? bytes[6] : nil) == told, "\(said): \(proxy.log)", sourceLocation: fileAndLine)
    }
    return said
  }

  @discardableResult
  private func receive(_ backlog: Int32 = 128) throws -> Receiver {
    let receiver = try Receiver(in: entry.path, backlog: backlog)
    try mode("tls-handoff", 0o666)
    receiver.serve { client in try client.connection.send("taken") }
    return receiver
  }

  private func relay() throws {
    try Listener(in: entry.path).answer("relayed")
    try mode("tls-socket", 0o666)
  }

  private func mode(_ file: String, _ mode: Int) throws {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: "\(entry.path)/\(file)")
  }

  // MARK: - What is served

  @Test func `clients are handed over, and others relayed`() throws {
    try receive()
    try relay()
    let said = try look()
    #expect(said.verdict == "served" && said.handedOver && said.codes == [], "\(said)")
    #expect(said.socket == "\(entry.path)/tls-handoff" && said.relayed?.socket == "\(entry.path)/tls-socket")
    let text = try Check(hosts.path).output
    #expect(
      text.hasPrefix(
        "a.test: ok: clients are handed over to \(entry.path)/tls-handoff, others are relayed to \(entry.path)/tls-socket\n"
      ), "\(text)")
  }

  @Test func `that it was not tried whether the receiver takes clients`() throws {
    try receive()
    let findings = try Check(hosts, []).report().findings.filter { $0.code == "receiver-untried" }
    #expect(findings.count == 1 && findings[0].severity == "note" && findings[0].text.hasSuffix(": --tls tries it"))
    for option in ["--tls", "--no-connect"] {
      #expect(try !Check(hosts, [option]).report().findings.contains { $0.code == "receiver-untried" }, "\(option)")
    }
  }

  @Test func `without tls-socket some are refused`() throws {
    try receive()
    let said = try look()
    #expect(said.verdict == "served" && said.handedOver && said.codes == ["handoff-only"], "\(said)")
    #expect(said.relayed?.verdict == "refused" && said.relayed?.alert == 112)
    let check = try Check(hosts.path)
    #expect(check.status == .exited(0) && check.output.contains("others get alert 112 unrecognized_name"))
  }

  @Test func `flags do not matter to it, and its socket may be open to all`() throws {
    try receive()
    try entry.add(.v1)
    let said = try look()
    #expect(said.codes == ["handoff-only", "handoff-flags"], "\(said)")
  }

  @Test func `without connecting`() throws {
    try receive()
    let said = try Check(hosts, ["--no-connect"]).entry("a.test")
    #expect(said.verdict == "not-connected" && said.handedOver && said.codes == ["handoff-only"], "\(said)")
  }

  /// Its own connections bring no client.
  @Test func `a receiver goes on`() throws {
    let receiver = try receive()
    for _ in 0..<3 { #expect(try Check(hosts, []).entry("a.test").handedOver) }
    try eventually("an empty queue") { try receiver.queued == 0 }
    #expect(try Proxy(hosts).ask("a.test") == "taken")
  }

  // MARK: - What is not

  @Test func `nobody receives, and the backend serves`() throws {
    try receive().close()
    try relay()
    let said = try look()
    #expect(said.verdict == "served" && !said.handedOver && said.codes == ["nobody-listens"], "\(said)")
    #expect(
      said.findings[0].severity == "warning" && said.findings[0].text.hasPrefix("clients are relayed to tls-socket"))
    #expect(said.socket == "\(entry.path)/tls-socket")
  }

  @Test func `nobody receives, and nobody listens`() throws {
    try receive().close()
    let alone = try look()
    #expect(alone.alert == 80 && alone.codes == ["nobody-listens", "handoff-only"], "\(alone)")
    try Listener(in: entry.path).close()
    try mode("tls-socket", 0o666)
    let both = try look()
    #expect(both.alert == 80 && both.codes == ["nobody-listens", "nobody-listens"], "\(both)")
    #expect(both.findings.allSatisfy { $0.severity == "problem" })
  }

  @Test func `a link that leads nowhere`() throws {
    try link("\(entry.path)/tls-handoff", to: "nowhere")
    let alone = try look()
    #expect(alone.alert == 112 && alone.codes == ["dangling-link", "handoff-only"], "\(alone)")
    try relay()
    let said = try look()
    #expect(said.verdict == "served" && said.codes == ["dangling-link"] && !said.handedOver, "\(said)")
  }

  @Test func `a stream socket in its place, and it in the place of one`() throws {
    try Listener(.unix("\(entry.path)/tls-handoff")).answer("relayed")
    try relay()
    let stream = try look()
    #expect(stream.alert == 80 && stream.codes == ["wrong-socket-type"], "\(stream)")
    #expect(stream.findings[0].text.contains("SOCK_SEQPACKET") && stream.relayed?.verdict == "served")
    for file in ["tls-handoff", "tls-socket"] { unsafe unlink("\(entry.path)/\(file)") }
    try receive()
    unsafe rename("\(entry.path)/tls-handoff", "\(entry.path)/tls-socket")
    let packets = try Check(hosts, []).entry("a.test")
    #expect(packets.codes == ["wrong-socket-type"] && packets.findings[0].text.contains("tls-handoff"), "\(packets)")
    #expect(packets.relayed == nil)
  }

  /// What one socket takes by one name says nothing of the other.
  @Test func `one socket by both names`() throws {
    try relay()
    try link("\(entry.path)/tls-handoff", to: "tls-socket")
    let one = try look()
    #expect(one.alert == 80 && one.codes == ["wrong-socket-type"] && one.relayed?.verdict == "served", "\(one)")
    unsafe unlink("\(entry.path)/tls-handoff")
    try receive()
    try link(hosts.add("y.test").path + "/tls-handoff", to: "\(entry.path)/tls-socket")
    try link(hosts.add("z.test").path + "/tls-socket", to: "\(entry.path)/tls-handoff")
    let check = try Check(hosts, [])
    #expect(try check.entry("a.test").handedOver)
    for name in ["y.test", "z.test"] {
      let entry = try check.entry(name)
      #expect(entry.alert == 80 && entry.codes.first == "wrong-socket-type", "\(entry)")
    }
  }

  @Test func `another file in its place`() throws {
    try Data().write(to: URL(filePath: "\(entry.path)/tls-handoff"))
    try mode("tls-handoff", 0o666)
    try relay()
    let said = try look()
    #expect(said.verdict == "served" && said.codes == ["not-a-socket"], "\(said)")
  }

  @Test func `a full queue`() throws {
    let full = try Receiver(in: entry.path, backlog: 0)
    try mode("tls-handoff", 0o666)
    let descriptor = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0)
    Scratch.current.atEnd { close(descriptor) }
    try #require(try Address.unix(full.path).connect(descriptor) == 0)
    try relay()
    let said = try Check(hosts, []).entry("a.test")
    #expect(said.verdict == "waits" && said.codes == ["backlog-full"], "\(said)")
    #expect(said.findings[0].text.contains("tls-socket"))
  }

  @Test(arguments: ["tls-hand-off", "tls_handoff", "TLS-Handoff"]) func `a misspelt one`(name: String) throws {
    try receive()
    try relay()
    unsafe rename("\(entry.path)/tls-handoff", "\(entry.path)/\(name)")
    let said = try Check(hosts, []).entry("a.test")
    #expect(said.codes == ["unknown-file"] && said.relayed == nil, "\(said)")
    let mend = try #require(said.mends.first)
    #expect(try run("bash", "-c", mend).status == .exited(0))
    #expect(try Check(hosts, []).entry("a.test").handedOver)
  }

  // MARK: - Who may

  @Test(.requiresRoot, .requires("setfacl"), arguments: [0, 1]) func `one that may not be written to`(choice: Int)
    throws
  {
    try receive()
    try relay()
    try entry.add(.v2)
    try mode("tls-socket", 0o600)
    try mode("tls-handoff", 0o600)
    let options = ["--user", "4000"]
    let closed = try look(options)
    #expect(closed.alert == 112 && closed.relayed?.alert == 112, "\(closed)")
    #expect(closed.codes.filter { $0 == "no-permission" }.count == 2)
    let mends = closed.findings[0].mends
    #expect(mends.count == 2 && mends[1] == "chmod o+w \(entry.path)/tls-handoff", "receivers know who hands over")
    #expect(try run("bash", "-c", mends[choice]).status == .exited(0))
    let mended = try look(options)
    #expect(mended.verdict == "served" && mended.handedOver, "\(mended)")
    #expect(mended.findings.contains { $0.code == "no-permission" && $0.severity == "warning" })
  }

  @Test(.requiresRoot) func `the rule for delegated names`() throws {
    try receive()
    try relay()
    for file in ["", "tls-socket"] { unsafe chown("\(entry.path)/\(file)", 4321, 4321) }
    let said = try look()
    #expect(said.alert == 112 && said.codes == ["socket-of-another"] && said.relayed?.verdict == "served", "\(said)")
    unsafe chown("\(entry.path)/tls-handoff", 4321, 4321)
    #expect(try look().handedOver)
    #expect(try Check(hosts, []).entry("a.test").codes == [])
  }

  // MARK: - Certificates

  /// The server gets a connection of the program's with itself.
  @Test(.requires("openssl", "python3")) func `the certificate of a receiver`() throws {
    let certificate = try Certificate("other.test")
    let server = """
      import array, os, socket, ssl, sys
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
      context.load_cert_chain(sys.argv[2], sys.argv[3])
      listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
      os.chdir(sys.argv[1])
      listener.bind("tls-handoff")
      listener.listen()
      while True:
          with listener.accept()[0] as proxy:
              message, descriptors, *_ = socket.recv_fds(proxy, 4096, 1)
          if descriptors:
              client = socket.socket(fileno=descriptors[0])
              print(client.getblocking(), client.family.name, message[13], message[31:].decode(), flush=True)
              with context.wrap_socket(client, server_side=True) as client:
                  client.recv(1)
      """
    let receiver = try Child("python3", ["-c", server, entry.path, certificate.certificate, certificate.key])
    try eventually("a receiver: \(receiver.error)") { (try? Check(hosts, []).entry("a.test").handedOver) == true }
    let said = try Check(hosts, ["--tls"]).entry("a.test")
    #expect(said.codes.contains("certificate-name") && !said.codes.contains("tls-failed"), "\(said)")
    #expect(receiver.output == "True AF_INET 17 a.test\n", "\(receiver.error)")
    let silent = try hosts.add("silent.test")
    let queue = try Receiver(in: silent.path)
    let failed = try Check(hosts, ["--tls"]).entry("silent.test").findings.first { $0.code == "tls-failed" }
    #expect(try #require(failed).text.contains(/take no clients from [^ ]+, as whom it was looked:/))
    #expect(try queue.queued > 0)
  }

  @Test(.requires("openssl", "nginx")) func `the certificate of an nginx that takes clients over`() throws {
    let certificate = try Certificate("other.test")
    try receive(certificate)
    let said = try Check(hosts, ["--tls"]).entry("a.test")
    #expect(said.codes.contains("certificate-name") && !said.codes.contains("tls-failed"), "\(said)")
  }

  /// A receiver that shows one certificate to who is handed over, and a backend that shows another to who is relayed.
  @Test(.requires("openssl", "nginx")) func `the certificate of the backend beside a receiver`() throws {
    let (own, other) = try (Certificate("a.test"), Certificate("other.test"))
    try receive(own)
    _ = try Nginx(at: entry.socket, other)
    try mode("", 0o700)
    let said = try Check(hosts, ["--tls"]).entry("a.test")
    #expect(said.certificate?.names == ["a.test"] && said.relayed?.certificate?.names == ["other.test"], "\(said)")
    let names = said.findings.filter { $0.code == "certificate-name" }
    let name = try #require(names.first)
    #expect(names.count == 1 && name.text.hasPrefix("of clients who cannot be handed over: the backend's"), "\(said)")
    #expect(name.severity == "warning")
    // What holds for both is told once.
    unsafe unlink(entry.socket)
    _ = try Nginx(at: entry.socket, own)
    let same = try Check(hosts, ["--tls"]).entry("a.test")
    #expect(same.codes == ["certificate-expires-soon", "certificate-untrusted"], "\(same)")
    #expect(same.relayed?.certificate?.names == ["a.test"])
  }

  /// An nginx that takes clients over, and knows nothing of it.
  private func receive(_ certificate: Certificate) throws {
    let directory = try Scratch.current.directory("nginx")
    let file = "\(directory)/nginx.conf"
    let configuration = """
      daemon off;
      master_process off;
      pid \(directory)/pid;
      error_log stderr;
      events {}
      http {
        access_log off;
        \(nginxPlaces(in: directory))
        server {
          listen 443 ssl http2;
          ssl_certificate \(certificate.certificate);
          ssl_certificate_key \(certificate.key);
        }
      }
      """
    try configuration.write(toFile: file, atomically: false, encoding: .utf8)
    let nginx = try Child(
      try Program.path("sniproxy-listen"),
      ["--user", String(geteuid()), entry.path, "--", try #require(Tool.path("nginx")), "-p", directory, "-c", file])
    try eventually("a receiver: \(nginx.error)") { (try? Check(hosts, []).entry("a.test").handedOver) == true }
  }
}
