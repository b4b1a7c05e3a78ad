import Foundation
import Testing

/// The program `sniproxy-status`, with the status file of a real sniproxy.
@Suite(.scratch)
struct StatusProgramTests {
  let hosts: HostsDirectory
  let file: String

  init() throws {
    hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("here")
    file = Scratch.current.file("status")
  }

  @Test func `the table tells whether it serves, and so does the exit status`() throws {
    let proxy = try Proxy(hosts, "--status", file, "--workers", "2")
    #expect(try proxy.ask("a.test") == "here")
    #expect(try proxy.refusal(Hello("b.test")) == 112)
    #expect(try proxy.refusal(Hello(nil)) == 109)
    let serving = try status("--workers")
    #expect(serving.status == .exited(0) && serving.error.isEmpty, "\(serving)")
    for words in [
      "process \(proxy.child.pid), is serving", "2 workers", "unknown_name, alert 112", "no_server_name, alert 109",
      "worker", "accept to hello", "finished 1",
    ] { #expect(serving.output.contains(words), "\(words) in \(serving.output)") }
    #expect(serving.output.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(serving.output)")

    try proxy.stop()
    let ended = try status()
    #expect(ended.status == .exited(1) && ended.output.contains("has ENDED,"), "\(ended)")
    #expect(!ended.output.contains("relaying"), "nothing is open")
  }

  @Test func `one that was killed is dead, and its figures are there`() throws {
    let proxy = try Proxy(hosts, "--status", file)
    #expect(try proxy.ask("a.test") == "here")
    let client = try proxy.connect()
    try eventually("it to be there") { try json("--json").total.open["waiting_for_hello"] == 1 }
    proxy.child.signal(SIGKILL)
    _ = try proxy.child.wait()
    client.close()
    let dead = try status()
    #expect(dead.status == .exited(1) && dead.output.contains("is DEAD,"), "\(dead)")
    #expect(dead.output.contains("last sign of life"))
    #expect(dead.output.contains(/relayed +1/))
    #expect(try json("--json").total.open.values.allSatisfy { $0 == 0 }, "of a process that is gone nothing is open")
    let metrics = try status("--prometheus")
    #expect(metrics.status == .exited(1))
    #expect(metrics.output.contains("sniproxy_up 0\n") && !metrics.output.contains("sniproxy_connections_open"))
  }

  @Test func `one that drains is told, with who is still there`() throws {
    let held = try hosts.addBackend("held.test")
    let proxy = try Proxy(hosts, "--status", file)
    let client = try proxy.connect(Hello("held.test"))
    let backend = try held.accept()
    proxy.child.signal(SIGTERM)
    try eventually("sniproxy to drain") { try status("--json").output.contains("\"condition\": \"draining\"") }
    let draining = try status()
    #expect(draining.status == .exited(1) && draining.output.contains("is DRAINING,"), "\(draining)")
    #expect(draining.output.contains("relaying 1"))
    client.close()
    backend.close()
    _ = try proxy.child.wait()
  }

  @Test func `JSON is JSON, and has what was counted`() throws {
    let proxy = try Proxy(hosts, "--status", file, "--workers", "2", "--max-connections", "50")
    for _ in 0..<3 { #expect(try proxy.ask("a.test") == "here") }
    #expect(try proxy.refusal(Hello("b.test")) == 112)
    try eventually("the connections to be over") { try json("--json").total.open.values.allSatisfy { $0 == 0 } }
    let told = try json("--json")
    #expect(told.condition == "serving" && told.process == proxy.child.pid && told.file == file)
    #expect(told.limits["connections"] == 50)
    #expect(told.workers.count == 2)
    #expect(told.total.accepted == 4 && told.workers.map(\.accepted).reduce(0, +) == 4)
    #expect(told.total.refused["unknown_name"] == 1 && told.total.refused.values.reduce(0, +) == 1)
    #expect(told.total.seconds["connect"]?.count == 3)
    #expect(abs(told.started - Date.now.timeIntervalSince1970) < 600)
  }

  @Test(.requires("promtool"))
  func `promtool finds nothing to say about the metrics`() throws {
    let proxy = try Proxy(hosts, "--status", file, "--workers", "2")
    #expect(try proxy.ask("a.test") == "here")
    let metrics = try status("--prometheus")
    let checked = try run("promtool", "check", "metrics", input: .file(try text(metrics.output)))
    #expect(checked.status == .exited(0) && checked.error.isEmpty && checked.output.isEmpty, "\(checked)")
  }

  @Test func `what cannot be read is told, with its own exit status`() throws {
    let missing = try status()
    #expect(missing.status == .exited(111) && missing.output.isEmpty, "\(missing)")
    #expect(missing.error.hasPrefix("sniproxy-status: cannot read \(file): "))
    try "something else".write(toFile: file, atomically: false, encoding: .utf8)
    let foreign = try status()
    #expect(foreign.status == .exited(100) && foreign.error.contains("no status file"), "\(foreign)")
  }

  @Test func `wrong usage is status 100, help is success in 80 columns`() throws {
    for arguments in [
      ["--nonsense"], ["--json", "--prometheus"], ["--watch=0"], ["--watch", "x"], ["--serve", "nowhere"],
      ["--serve"], ["--workers", "--json"], ["a", "b"],
    ] {
      let child = try Child(try Program.path("sniproxy-status"), arguments)
      #expect(try child.wait() == .exited(100) && child.output.isEmpty, "\(arguments): \(child.error)")
      #expect(child.error.hasPrefix("sniproxy-status: "), "\(child.error)")
    }
    for arguments in [["--serve", "localhost:9843"], [file, "--serve=127.0.0.1:x"], ["--serve", "unix:"]] {
      let child = try Child(try Program.path("sniproxy-status"), arguments)
      #expect(try child.wait() == .exited(100) && child.error.contains("127.0.0.1:9843, [::1]:9843"), "\(child.error)")
    }
    let help = try run(try Program.path("sniproxy-status"), "--help")
    #expect(help.status == .exited(0) && help.output.split(separator: "\n").allSatisfy { $0.count <= 80 }, "\(help)")
    #expect(try run(try Program.path("sniproxy-status"), "--version").output.hasPrefix("sniproxy-status "))
    let full = try Child(try Program.path("sniproxy-status"), ["--help"], descriptors: [1: .file("/dev/full")])
    #expect(try full.wait() == .exited(111))
  }

  private struct Told: Decodable {
    struct Counts: Decodable {
      struct Times: Decodable { let count: Int }
      let accepted: Int
      let open: [String: Int]
      let refused: [String: Int]
      let seconds: [String: Times]
    }
    let file: String
    let condition: String
    let process: Int32
    let started: Double
    let limits: [String: Double?]
    let total: Counts
    let workers: [Counts]
  }

  private func json(_ option: String) throws -> Told {
    try JSONDecoder().decode(Told.self, from: Data(status(option).output.utf8))
  }

  private func status(_ options: String...) throws -> (status: Child.Status, output: String, error: String) {
    let child = try Child(try Program.path("sniproxy-status"), [file] + options)
    return (try child.wait(), child.output, child.error)
  }

  private func text(_ content: String) throws -> String {
    let file = Scratch.current.file("text")
    try content.write(toFile: file, atomically: false, encoding: .utf8)
    return file
  }
}
