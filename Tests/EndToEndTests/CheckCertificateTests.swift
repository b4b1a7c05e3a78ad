import Foundation
import Testing

/// `sniproxy-check --tls`, with real backends.
@Suite(.scratch, .requires("openssl", "nginx"))
struct CheckCertificateTests {
  private let hosts: HostsDirectory

  init() throws { hosts = try HostsDirectory() }

  private func codes(_ check: Check, _ name: String) throws -> [String] {
    try check.entry(name).findings.filter { $0.severity != "note" }.map(\.code)
  }

  @Test func `what certificates say`() throws {
    let both = try Certificate("a.test", "b.test")
    let other = try Certificate("other.test")
    _ = try Nginx(at: hosts.add("a.test").socket, both, listen: "http2")
    _ = try Nginx(at: hosts.add("b.test").socket, both)
    _ = try Nginx(at: hosts.add("c.test").socket, other)
    try link("\(hosts.path)/alias.test", to: "c.test")
    for name in ["a.test", "b.test", "c.test"] { try close("\(hosts.path)/\(name)") }
    let check = try Check(hosts, ["--tls"])
    #expect(check.status == .exited(1))
    // The tests' certificates last two days.
    #expect(try codes(check, "a.test") == ["certificate-expires-soon", "certificate-shared"])
    #expect(try codes(check, "b.test") == ["certificate-expires-soon"])
    #expect(try codes(check, "c.test") == ["certificate-name", "certificate-expires-soon"])
    #expect(try check.entry("a.test").codes.contains("certificate-untrusted"))
    #expect(try check.entry("b.test").codes.contains("certificate-shared"), "noted, without HTTP/2")
    #expect(try check.entry("a.test").findings.contains { $0.text.contains("b.test") })
    let one = try Check(hosts, ["--tls"], names: ["a.test"])
    #expect(
      try codes(one, "a.test") == ["certificate-expires-soon", "certificate-shared"], "names that were not asked for")
    #expect(try codes(check, "alias.test") == ["certificate-name", "certificate-expires-soon"])
    #expect(try !Check(hosts, []).entry("c.test").codes.contains("certificate-name"), "only with --tls")
  }

  /// RFC 9525, section 6.3: a wildcard stands for one label.
  @Test func `a wildcard is not for a name two labels deep`() throws {
    let wildcard = try Certificate("*.test")
    for name in ["one.test", "other.test", "two.one.test"] {
      _ = try Nginx(at: hosts.add(name).socket, wildcard, listen: "http2")
      try close("\(hosts.path)/\(name)")
    }
    let check = try Check(hosts, ["--tls"])
    #expect(try codes(check, "two.one.test") == ["certificate-name", "certificate-expires-soon"])
    let shared = try #require(try check.entry("one.test").findings.first { $0.code == "certificate-shared" })
    #expect(shared.text.hasPrefix("its certificate is also for other.test, which has another backend"), "\(shared)")
  }

  @Test func `through a PROXY header`() throws {
    let certificate = try Certificate("v1.test", "v2.test", "none.test")
    for (name, flags) in [("v1.test", [HostsDirectory.Flag.v1]), ("v2.test", [.v2]), ("none.test", [])] {
      let entry = try hosts.add(name)
      _ = try Nginx(at: entry.socket, certificate, listen: "proxy_protocol")
      for flag in flags { try entry.add(flag) }
      try close(entry.path)
    }
    let check = try Check(hosts, ["--tls"])
    #expect(try codes(check, "v1.test") == ["certificate-expires-soon"])
    #expect(try codes(check, "v2.test") == ["certificate-expires-soon"])
    #expect(try codes(check, "none.test") == ["tls-failed"])
  }

  /// HAProxy ends connections whose header of version 2 has no addresses.
  @Test(.requires("haproxy"), arguments: HostsDirectory.Flag.allCases)
  func `through a PROXY header to HAProxy`(flag: HostsDirectory.Flag) throws {
    let entry = try hosts.add("haproxy.test", flags: flag)
    _ = try HAProxy(at: entry.socket, Certificate("haproxy.test"), bind: "accept-proxy")
    try close(entry.path)
    #expect(try codes(Check(hosts, ["--tls"]), "haproxy.test") == ["certificate-expires-soon"])
  }

  /// The handshake fails then, before TLS 1.3, after the certificate was seen.
  @Test(arguments: ["-tls1_2", "-tls1_3"])
  func `a backend that demands a certificate of the client`(version: String) throws {
    let certificate = try Certificate("mutual.test")
    let entry = try hosts.add("mutual.test")
    // It takes no path over 31 bytes.
    let server = try Child(
      "openssl",
      [
        "s_server", "-unix", "tls-socket", "-www", "-Verify", "1", "-verify_return_error", version,
        "-cert", certificate.certificate, "-key", certificate.key,
      ], workingDirectory: entry.path)
    try close(entry.path)
    try eventually("a backend: \(server.error)") { (try? Check(hosts, []).entry("mutual.test").verdict) == "served" }
    let check = try Check(hosts, ["--tls"])
    #expect(try codes(check, "mutual.test") == ["certificate-expires-soon"])
    #expect(try check.entry("mutual.test").certificate?.names == ["mutual.test"])
  }

  @Test func `times and authorities`() throws {
    let scratch = try Scratch.current.directory("ca")
    let faketime = [
      ("past.test", "-2 days", "-1 day"), ("future.test", "+2 days", "+90 days"), ("good.test", "-1 day", "+90 days"),
    ]
    try run(
      "sh", "-c",
      "cd \(scratch) && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 90 -subj /CN=CA -keyout ca.key -out ca.pem"
    )
    for (name, from, to) in faketime {
      let script = """
        cd \(scratch) && mkdir \(name) && cd \(name) && touch index && echo 01 >serial &&
        openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=\(name) -keyout key.pem -out csr.pem &&
        printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index\\nserial=serial\\nnew_certs_dir=.\\ndefault_md=sha256\\npolicy=p\\nx509_extensions=x\\n[p]\\ncommonName=supplied\\n[x]\\nsubjectAltName=DNS:\(name)\\n' >ca.cnf &&
        openssl ca -batch -config ca.cnf -cert ../ca.pem -keyfile ../ca.key -in csr.pem -out certificate.pem \
          -startdate $(date -u -d '\(from)' +%Y%m%d%H%M%SZ) -enddate $(date -u -d '\(to)' +%Y%m%d%H%M%SZ)
        """
      let made = try run("sh", "-c", script)
      guard made.status == .exited(0) else { throw Failure(made.error) }
      let entry = try hosts.add(name)
      try serve(entry.socket, "\(scratch)/\(name)")
      try close(entry.path)
    }
    let check = try Check(["--tls", "--json", hosts.path], environment: ["SSL_CERT_FILE": "\(scratch)/ca.pem"])
    #expect(try codes(check, "past.test") == ["certificate-expired"])
    #expect(try codes(check, "future.test") == ["certificate-not-yet-valid"])
    #expect(try check.entry("good.test").codes == [], "trusted, and in its time")
    #expect(try Check(hosts, ["--tls"]).entry("good.test").codes == ["certificate-untrusted"])
  }

  @Test func `backends that do not speak TLS, or nothing`() throws {
    try hosts.addBackend("silent.test").serve { connection in _ = try connection.receiveAll() }
    try hosts.addBackend("http.test").serve { connection in
      _ = try connection.awaitSome()
      try connection.send("HTTP/1.1 400 Bad Request\r\n\r\n")
    }
    try hosts.addBackend("closes.test").serve { _ in }
    for name in ["silent.test", "http.test", "closes.test"] { try close("\(hosts.path)/\(name)") }
    let start = ContinuousClock.now
    let check = try Check(hosts, ["--tls"])
    for name in ["silent.test", "http.test", "closes.test"] {
      #expect(try codes(check, name) == ["tls-failed"], "\(name)")
    }
    #expect(ContinuousClock.now - start < .seconds(2 * patience))
  }

  /// Silent from the first byte on, and after some: all at once, and the others do not wait for them.
  @Test func `a handshake ends after five seconds`() throws {
    let silent = (0..<8).map { "silent\($0).test" }
    for (index, name) in silent.enumerated() {
      try hosts.addBackend(name).serve { connection in
        // The beginning of a record that is never complete.
        if index % 2 == 1 { try connection.send([22, 3, 3, 1, 0, 2]) }
        _ = try connection.receiveAll()
      }
    }
    _ = try Nginx(at: hosts.add("good.test").socket, Certificate("good.test"))
    for name in silent + ["good.test"] { try close("\(hosts.path)/\(name)") }
    let start = ContinuousClock.now
    let check = try Check(hosts, ["--tls"])
    let time = ContinuousClock.now - start
    for name in silent {
      let finding = try #require(try check.entry(name).findings.first)
      #expect(finding.code == "tls-failed" && finding.text.hasSuffix(" did not finish the handshake in 5 seconds"))
    }
    #expect(try codes(check, "good.test") == ["certificate-expires-soon"])
    #expect(time >= .seconds(5) && time < .seconds(2 * patience), "\(time)")
  }

  /// The handshakes wait for each other where the backlog has no room for all of them.
  @Test(.requires("python3")) func `many names of a backend that serves one client at a time`() throws {
    let certificate = try Certificate("*.test")
    let server = """
      import os, socket, ssl, sys, time
      context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
      context.load_cert_chain(sys.argv[2], sys.argv[3])
      os.chdir(sys.argv[1])
      listener = socket.socket(socket.AF_UNIX)
      listener.bind("tls-socket")
      listener.listen(1)
      while True:
          try:
              with context.wrap_socket(listener.accept()[0], server_side=True) as client:
                  client.recv(1)
          except OSError:
              pass
      """
    let entry = try hosts.add("a.test")
    for number in 0..<60 { try link(hosts.add("n\(number).test").socket, to: "../a.test/tls-socket") }
    let backend = try Child("python3", ["-c", server, entry.path, certificate.certificate, certificate.key])
    try eventually("a backend: \(backend.error)") { (try? Check(hosts, []).entry("a.test").verdict) == "served" }
    let check = try Check(hosts, ["--tls"])
    for entry in try check.report().entries { #expect(!entry.codes.contains("tls-failed"), "\(entry)") }
  }

  /// OpenSSL skips these messages before it comes back, so that nothing else would end the handshake.
  @Test func `a backend that sends without end`() throws {
    let request: [UInt8] = [22, 3, 3, 0, 4, 0, 0, 0, 0]
    try hosts.addBackend("flood.test").serve { connection in
      let many = Array([[UInt8]](repeating: request, count: 3000).joined())
      while true { try connection.send(many) }
    }
    try close("\(hosts.path)/flood.test")
    let check = try Check(hosts, ["--tls"])
    #expect(try check.entry("flood.test").findings.contains { $0.text.hasSuffix("sent too much for a handshake") })
  }

  /// An nginx with a certificate and key of its own.
  private func serve(_ socket: String, _ directory: String) throws {
    _ = try Nginx(at: socket, Certificate(at: directory))
  }

  /// So that no finding tells of others who may write to its socket.
  private func close(_ path: String) throws {
    try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: path)
  }
}
