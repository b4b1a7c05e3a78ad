import Foundation
import Testing

/// An unmodified nginx with `sniproxy-listen` behind sniproxy, through its whole life.
@Suite(.scratch, .requires("nginx", "openssl", "curl", "python3")) struct ListenNginxTests {
  @Test func `workers serve with the client's address, through a reload and an upgrade of the binary`() throws {
    let nginx = try HandedNginx()
    let served = try nginx.answers(20)
    #expect(served.addresses == ["127.0.0.7"])
    #expect(served.workers.count == 2, "both workers serve")

    try nginx.signal(SIGHUP)
    try eventually("new workers") { try nginx.answers(4).workers.isDisjoint(with: served.workers) }
    let reloaded = try nginx.answers(4)
    let old = try nginx.master
    try nginx.signal(SIGUSR2)
    try eventually("a new master: \(nginx.errors)") { (try? nginx.master).map { $0 != old } ?? false }
    kill(old, SIGWINCH)
    try eventually("workers of the new one") { try nginx.answers(4).workers.isDisjoint(with: reloaded.workers) }
    kill(old, SIGQUIT)
    try eventually("the end of the old one") { nginx.hasOneMaster }
    #expect(try nginx.answers(10).addresses == ["127.0.0.7"])

    #expect(try FileManager.default.contentsOfDirectory(atPath: nginx.host) == ["tls-handoff"])
    #expect(!nginx.errors.contains("[alert]") && !nginx.errors.contains("[crit]"), "\(nginx.errors)")
  }

  @Test func `a reload may drop the listener that was the first`() throws {
    let nginx = try HandedNginx()
    let served = try nginx.answers(4)
    try nginx.configure(listening: ["[::]:443"])
    try nginx.signal(SIGHUP)
    try eventually("new workers") { try nginx.answers(4).workers.isDisjoint(with: served.workers) }
    #expect(try nginx.answers(4).addresses == ["::ffff:127.0.0.7"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: nginx.host) == ["tls-handoff"])
  }

  @Test func `looking at the configuration disturbs no server that runs`() throws {
    let nginx = try HandedNginx()
    let look = try Child("nginx", ["-t"] + nginx.arguments, environment: nginx.environment)
    #expect(try look.wait() == .exited(0), "\(look.error)")
    #expect(try nginx.answers(1).addresses == ["127.0.0.7"])
  }
}

/// It answers with its process and the client's address.
private final class HandedNginx {
  let host: String
  let arguments: [String]
  let environment: [String: String]

  init() throws {
    let hosts = try HostsDirectory()
    host = try hosts.add("example.com").path
    directory = try Scratch.current.directory("nginx")
    let certificate = try Certificate("example.com")
    configuration = """
      worker_processes 2;
      user root;
      pid \(directory)/pid;
      error_log \(directory)/error.log;
      events { accept_mutex off; }
      http {
        access_log off;
        \(nginxPlaces(in: directory))
        server {
          LISTEN
          ssl_certificate \(certificate.certificate);
          ssl_certificate_key \(certificate.key);
          location / { return 200 "$pid $remote_addr\\n"; }
        }
      }
      """
    arguments = ["-p", directory, "-e", "\(directory)/error.log", "-c", "\(directory)/nginx.conf"]
    environment = [
      "LD_PRELOAD": try PreloadedPython.library, "SNIPROXY_HANDOFF": "443=\(host)",
      "SNIPROXY_HANDOFF_USER": String(geteuid()),
    ]
    try configure(listening: ["443", "[::]:443"])
    // It goes into the background, so that its successor does too.
    let program = try #require(Tool.path("nginx"))
    let started = try Child(
      try Program.path("sniproxy-listen"), ["--user", String(geteuid()), host, "--", program] + arguments)
    let numberFile = "\(directory)/pid"
    Scratch.current.atEnd {
      guard let master = try? number(in: numberFile) else { return }
      kill(master, SIGTERM)
      try? eventually("the end of nginx") { !FileManager.default.fileExists(atPath: numberFile) }
    }
    guard try started.wait() == .exited(0) else { throw Failure("nginx: \(started.error)\(errors)") }
    try eventually("its process") { (try? master) != nil }
    proxy = try Proxy(hosts)
  }

  /// For its next start or reload.
  func configure(listening addresses: [String]) throws {
    let lines = addresses.map { "listen \($0) ssl;" }.joined(separator: " ")
    try configuration.replacing("LISTEN", with: lines).write(
      toFile: "\(directory)/nginx.conf", atomically: true, encoding: .utf8)
  }

  var errors: String { (try? String(contentsOfFile: "\(directory)/error.log", encoding: .utf8)) ?? "" }

  var master: pid_t { get throws { try number(in: "\(directory)/pid") } }

  /// It removes its file when it ends.
  var hasOneMaster: Bool { !FileManager.default.fileExists(atPath: "\(directory)/pid.oldbin") }

  func signal(_ number: Int32) throws { kill(try master, number) }

  /// Each request must be answered.
  func answers(_ count: Int) throws -> (workers: Set<Substring>, addresses: Set<Substring>) {
    var answers: (workers: Set<Substring>, addresses: Set<Substring>) = ([], [])
    for _ in 0..<count {
      let curl = try run(
        "curl", "--silent", "--show-error", "--insecure", "--interface", "127.0.0.7", "--max-time", "20",
        "--resolve", "example.com:\(proxy.port):127.0.0.1", "https://example.com:\(proxy.port)/")
      let words = curl.output.split { $0.isWhitespace }
      guard curl.status == .exited(0), words.count == 2 else { throw Failure("\(curl) \(errors)") }
      answers.workers.insert(words[0])
      answers.addresses.insert(words[1])
    }
    return answers
  }

  private let directory: String
  private let configuration: String
  private var proxy: Proxy!
}

private func number(in file: String) throws -> pid_t {
  let text = (try? String(contentsOfFile: file, encoding: .utf8)) ?? ""
  guard let number = pid_t(text.trimmingCharacters(in: .whitespacesAndNewlines)) else {
    throw Failure("no number: \(file)")
  }
  return number
}
