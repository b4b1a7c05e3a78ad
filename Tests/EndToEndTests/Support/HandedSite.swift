import Foundation
import Testing

/// A site whose server listens on a TCP port, as it believes, and gets the clients of a sniproxy that has one port for both
/// families.
final class HandedSite {
  let name = "site.example"
  let proxy: Proxy
  let certificate: Certificate

  /// The server's own: its configuration and its log, which is the file `log`.
  let directory: String

  init() throws {
    let hosts = try HostsDirectory()
    host = try hosts.add(name).path
    directory = try Scratch.current.directory("server")
    certificate = try Certificate(name)
    proxy = try Proxy(hosts, listen: [":0"])
  }

  @discardableResult
  func write(_ text: String, to file: String) throws -> String {
    let path = "\(directory)/\(file)"
    try (text + "\n").write(toFile: path, atomically: false, encoding: .utf8)
    return path
  }

  /// Runs the server with `sniproxy-listen`, in its directory; what it says is in its log.
  ///
  /// - Parameter port: the port that the server listens on
  @discardableResult
  func serve(_ program: String, _ arguments: String..., port: UInt16 = 443) throws -> Child {
    let program = try #require(Tool.path(program))
    let child = try Child(
      try Program.path("sniproxy-listen"),
      ["--user", String(geteuid()), "\(host):\(port)", "--", program] + arguments, workingDirectory: directory,
      descriptors: [1: .file("\(directory)/log"), 2: .file("\(directory)/log")])
    try eventually("\(program) to listen: \(log)", within: 2 * patience) { try files == ["tls-handoff"] }
    return child
  }

  var files: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: host) } }

  var log: String { (try? String(contentsOfFile: "\(directory)/log", encoding: .utf8)) ?? "" }

  /// What curl gets from the server, which must answer.
  @discardableResult
  func ask(_ client: SiteClient = .four, http: String = "1.1", path: String = "/") throws -> String {
    let curl = try run(
      "curl", arguments: arguments(client) + ["--http\(http)", "https://\(name):\(proxy.port)\(path)"])
    guard curl.status == .exited(0) else { throw Failure("\(client), HTTP \(http): \(curl.error); \(log)") }
    return curl.output
  }

  func arguments(_ client: SiteClient) -> [String] {
    [
      "--silent", "--show-error", "--fail", "--max-time", String(2 * Int(patience)), "--cacert",
      certificate.certificate, "--interface", client.address, "--resolve", "\(name):\(proxy.port):\(client.server)",
    ]
  }

  /// Asks by both families with each version of HTTP, and expects the clients' own addresses in the log.
  ///
  /// - Parameter mapped: whether the server writes an IPv4 address as its IPv6 listener has it
  func expectClients(http: [String] = ["1.1"], mapped: Bool = false, sourceLocation: SourceLocation = #_sourceLocation)
    throws
  {
    for client in SiteClient.allCases {
      let address = mapped && client == .four ? "::ffff:\(client.address)" : client.address
      for version in http {
        let before = log.components(separatedBy: address).count
        #expect(try ask(client, http: version).contains("served"), sourceLocation: sourceLocation)
        try eventually("\(address) in \(log)") { log.components(separatedBy: address).count > before }
      }
    }
    #expect(!log.contains("127.0.0.1"), "the proxy's address is nobody's: \(log)", sourceLocation: sourceLocation)
    #expect(try files == ["tls-handoff"], sourceLocation: sourceLocation)
  }

  private let host: String
}

/// Where a client is, and where it finds the proxy.
enum SiteClient: CaseIterable {
  case four, six

  var address: String { self == .four ? "127.0.0.7" : "::1" }
  var server: String { self == .four ? "127.0.0.1" : "[::1]" }
}

/// Clients that come without pause, each with a connection of its own, until they are told to stop. All must be answered.
final class ClientsWithoutPause {
  init(_ site: HandedSite) {
    for client in SiteClient.allCases {
      let arguments =
        site.arguments(client) + [
          "--http1.1", "--header", "Connection: close", "--output", "/dev/null", "--fail-early", "--write-out",
          "%{http_code}\n", "https://\(site.name):\(site.proxy.port)/?[1-20]",
        ]
      let state = state
      Scratch.current.start(in: threads) {
        while !state.isStopped {
          do {
            let curl = try run("curl", arguments: arguments)
            state.count(
              curl.output.split(separator: "\n").count { $0 == "200" }, of: 20, "\(client): \(curl.error)")
          } catch { state.count(0, of: 20, "\(error)") }
        }
      }
    }
    Scratch.current.atEnd { [state, threads] in
      state.stop()
      threads.wait()
    }
  }

  /// Waits until so many more were answered.
  func more(_ count: Int) throws {
    let goal = state.answered + count
    try eventually("\(count) more clients", within: 3 * patience) { state.answered >= goal || !state.failures.isEmpty }
  }

  var failures: [String] { state.failures }

  /// What went wrong; nothing, if all is well.
  func stop() -> [String] {
    state.stop()
    threads.wait()
    return state.failures
  }

  private let state = State()
  private let threads = DispatchGroup()

  private final class State: @unchecked Sendable {
    var isStopped: Bool { lock.withLock { stopped } }
    var answered: Int { lock.withLock { count } }
    var failures: [String] { lock.withLock { failed } }

    func stop() { lock.withLock { stopped = true } }

    func count(_ answered: Int, of all: Int, _ why: String) {
      lock.withLock {
        count += answered
        if answered < all { failed.append("\(all - answered) not answered: \(why)") }
      }
    }

    private let lock = NSLock()
    private var stopped = false
    private var count = 0
    private var failed: [String] = []
  }
}

private func run(_ program: String, arguments: [String]) throws -> (status: Child.Status, output: String, error: String)
{
  let child = try Child(program, arguments)
  let status = try child.wait(within: 3 * patience)
  return (status, child.output, child.error)
}
