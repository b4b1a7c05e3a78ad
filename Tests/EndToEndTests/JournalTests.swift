import Foundation
import Testing

/// What the journal is told in fields.
@Suite(.scratch, .requiresRoot, .requires("unshare", "mount", "sh", "stat"))
struct JournalTests {
  @Test func `a connection and a refusal have fields, and a line in the journal only`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("shop.example").answer("answer")
    let journal = try PlayedJournal()
    let proxy = try Proxy(hosts, options: ["--access-log", "--log-fingerprint"], launcher: journal.launcher)
    let client = try proxy.connect()
    let port = try client.port
    let hello = Hello("Shop.Example", protocols: ["h2", "http/1.1"]).bytes
    try client.send(hello)
    #expect(try client.receiveAll().bytes == Array("answer".utf8))
    client.close()

    let served = try journal.receive()
    #expect(served.repeated == ["SNIPROXY_PROTOCOLS"])
    #expect(served["SNIPROXY_PROTOCOLS"] == ["h2", "http/1.1"])
    let line = try #require(AccessLine(served["MESSAGE"].first ?? ""))
    let expected = [
      "MESSAGE_ID": "591ed00f2e1d4ba982f20ee542d9d871", "PRIORITY": "6", "SYSLOG_FACILITY": "3",
      "SYSLOG_IDENTIFIER": "sniproxy", "SNIPROXY_CLIENT": "127.0.0.1", "SNIPROXY_CLIENT_PORT": "\(port)",
      "SNIPROXY_LISTENER": "\(proxy.addresses[0])", "SNIPROXY_NAME": "Shop.Example", "SNIPROXY_HOST": "shop.example",
      "SNIPROXY_BYTES_UP": "\(hello.count)", "SNIPROXY_BYTES_DOWN": "6", "SNIPROXY_END": "finished",
      "SNIPROXY_JA4": line["ja4"],
    ]
    for (name, value) in expected { #expect(served[name] == [value ?? ""], "\(name)") }
    for (key, name) in [
      ("hello", "SNIPROXY_HELLO_USEC"), ("connect", "SNIPROXY_CONNECT_USEC"), ("total", "SNIPROXY_TOTAL_USEC"),
    ] {
      #expect(Double(line[key] ?? "").map { Int(($0 * 1e6).rounded()) } == Int(served[name].first ?? ""), "\(name)")
    }
    #expect(served["SNIPROXY_ALERT"].isEmpty && served["SNIPROXY_REASON"].isEmpty)

    // What is refused is told at once, and when it ends.
    #expect(try proxy.refusal(Hello("nobody.example")) == 112)
    let refused = try journal.receive()
    #expect(refused["MESSAGE"][0].contains("nobody.example: refused with alert 112: no such entry"))
    #expect(refused["MESSAGE_ID"] == ["ee5e76d9371a4632a0f2c4271485bab5"] && refused["PRIORITY"] == ["6"])
    let ended = try journal.receive()
    #expect(AccessLine(ended["MESSAGE"].first ?? "") != nil)
    for entry in [refused, ended] {
      #expect(entry["SNIPROXY_NAME"] == ["nobody.example"] && entry["SNIPROXY_HOST"].isEmpty)
      #expect(entry["SNIPROXY_END"] == ["refused"] && entry["SNIPROXY_ALERT"] == ["112"])
      #expect(entry["SNIPROXY_REASON"] == ["unknown_name"] && entry["SNIPROXY_CLIENT"] == ["127.0.0.1"])
    }
    try proxy.stop()
    #expect(!proxy.log.contains("access: ") && !proxy.log.contains("refused"), "\(proxy.log)")
    #expect(proxy.log.contains("<5>stopped: 0 connections cut"))
  }

  @Test func `hostile names and protocols cannot forge a field`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.example").answer("answer")
    let journal = try PlayedJournal()
    let proxy = try Proxy(hosts, options: ["--access-log"], launcher: journal.launcher)
    let forged = "x\nSNIPROXY_HOST=forged\nMESSAGE=forged\n_UID=0\n"
    let count = String(decoding: [1, 0, 0, 0, 0, 0, 0, 0], as: UTF8.self)
    for name in [forged, "\n\(count)x\nSNIPROXY_HOST=forged", "\nSNIPROXY_HOST\n\(count)x\n", "=\n", "a.example\n"] {
      #expect(try proxy.refusal(Hello(name)) == 112)
      for _ in 0..<2 {
        let entry = try journal.receive()
        #expect(entry["SNIPROXY_NAME"] == [name])
        #expect(entry["SNIPROXY_HOST"].isEmpty && entry["_UID"].isEmpty && entry.repeated.isEmpty, "\(entry)")
      }
    }
    let client = try proxy.connect(Hello("a.example", protocols: [forged, "h2", "h2,\n", "\n"]))
    #expect(try client.receiveAll().bytes == Array("answer".utf8))
    client.close()
    let entry = try journal.receive()
    #expect(entry["SNIPROXY_PROTOCOLS"] == [forged, "h2", "h2,\n", "\n"])
    #expect(entry["SNIPROXY_HOST"] == ["a.example"] && entry.repeated == ["SNIPROXY_PROTOCOLS"])

    // However long they are, an entry fits into a datagram.
    let long = String(repeating: "\n", count: 50_000)
    #expect(try proxy.refusal(Hello(long, protocols: [String](repeating: "\n", count: 3000))) == 112)
    for _ in 0..<2 {
      let entry = try journal.receive()
      #expect(entry["SNIPROXY_NAME"] == [String(repeating: "\n", count: 300)])
      #expect(entry["SNIPROXY_PROTOCOLS"].count == 150)
    }
  }

  @Test func `a journal that does not read makes nobody wait, and what was lost is told`() throws {
    let journal = try PlayedJournal()
    let log = Scratch.current.file("log")
    let passage = try LoggedPassage(log: .file(log), options: ["--access-log"], launcher: journal.launcher)
    try passage.serve(Self.clients)
    try passage.proxy.vitals.expectRest()
    var told = 0
    var last = ""
    try eventually("the lost lines to be told") {
      while let bytes = journal.socket.receiveBytes(within: 0.2) {
        last = try PlayedJournal.parse(bytes)["MESSAGE"].first ?? ""
        told += 1
      }
      return try String(contentsOfFile: log, encoding: .utf8).contains("access lines lost")
    }
    #expect(AccessLine(last) != nil)
    let lines = try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
    let lost = total(lines, "access lines lost")
    #expect(told + lost == Self.clients, "\(told) entries and \(lost) lost ones")
  }

  @Test func `it goes on without a journal that is gone, on standard error`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.example").answer("answer")
    let journal = try PlayedJournal()
    let proxy = try Proxy(hosts, options: ["--access-log"], launcher: journal.launcher)
    #expect(try proxy.ask("a.example") == "answer")
    #expect(try journal.receive()["SNIPROXY_HOST"] == ["a.example"])
    journal.socket.stop()
    for _ in 0..<3 { #expect(try proxy.ask("a.example") == "answer") }
    #expect(try AccessLine.all(3, of: proxy).allSatisfy { $0["host"] == "a.example" })
    #expect(proxy.log.contains("<6>access: "))
  }

  private static let clients = 6000
}

/// The same under a real systemd.
@Suite(
  .scratch, .serialized, .requiresNamespaces, .inShippedUnit,
  .requires("make", "systemctl", "journalctl", "unshare", "nsenter", "curl", "nginx", "openssl", "python3")
)
struct RealJournalTests {
  @Test func `journalctl finds connections by their fields`() throws {
    let certificate = try Certificate("shop.test")
    let deployment = try Deployment(
      dropIn: """
        [Service]
        ExecStart=
        ExecStart=/usr/local/sbin/sniproxy --hosts /srv/sniproxy --access-log --log-fingerprint
        """)
    _ = try Nginx(at: deployment.hosts.add("shop.test").socket, certificate)
    #expect(try deployment.curl("shop.test", certificate).hasPrefix("nginx shop.test"))
    let entry = try deployment.entries("SNIPROXY_HOST=shop.test", 1)[0]
    #expect(entry["_SYSTEMD_UNIT"] as? String == "sniproxy.service")
    #expect(entry["_TRANSPORT"] as? String == "journal")
    #expect(entry["SYSLOG_IDENTIFIER"] as? String == "sniproxy")
    #expect(entry["SNIPROXY_CLIENT"] as? String == "127.0.0.1")
    #expect(entry["SNIPROXY_PROTOCOLS"] as? [String] == ["h2", "http/1.1"])
    #expect(entry["SNIPROXY_END"] as? String == "finished" || entry["SNIPROXY_END"] as? String == "reset-by-client")
    #expect((entry["SNIPROXY_JA4"] as? String)?.wholeMatch(of: /t13d[0-9]{4}h2_[0-9a-f]{12}_[0-9a-f]{12}/) != nil)
    let message = try #require(entry["MESSAGE"] as? String)
    #expect(AccessLine(message)?["host"] == "shop.test")

    // A hostile name is found as it was sent.
    let hostile = try deployment.machine.run(
      "python3", "-c", Self.client, "x\nSNIPROXY_HOST=shop.test\n")
    #expect(hostile.output == "alert 112\n", "\(hostile.error)")
    #expect(try deployment.entries("SNIPROXY_REASON=illegal_name", 2).allSatisfy { $0["SNIPROXY_HOST"] == nil })

    // The journal may start again.
    #expect(try deployment.machine.run("systemctl", "restart", "systemd-journald.service").status == .exited(0))
    #expect(try deployment.curl("shop.test", certificate).hasPrefix("nginx shop.test"))
    #expect(try deployment.entries("SNIPROXY_HOST=shop.test", 2).count == 2)

    // As README.md tells to add it up.
    let commands = try #require(Page("README.md").steps.first { $0.recipe == "access-log" }).commands
    let sums = try deployment.machine.run("sh", "-c", commands).output
    #expect(sums.contains(/(?m)^shop\.test 2 [1-9][0-9]+ [0-2]$/) && sums.contains(/(?m)^- 1 0 1$/), "\(sums)")

    try deployment.systemctl("stop")
    let lines = deployment.journal.split(separator: "\n")
    #expect(lines.count { $0 == message } == 1, "once, and among the unit's: \(lines)")
    #expect(lines.contains("stopped: 0 connections cut"))
    #expect(!lines.contains { $0.contains("lost") || $0.contains("lock: ") }, "\(lines)")
  }

  /// Sends a ClientHello with a name of its own, and tells the alert.
  private static let client = #"""
    import socket, struct, sys
    vector = lambda width, content: len(content).to_bytes(width, "big") + content
    name = sys.argv[1].encode()
    extension = b"\0\0" + vector(2, vector(2, b"\0" + vector(2, name)))
    body = b"\3\3" + bytes(33) + vector(2, b"\x13\1") + vector(1, b"\0") + vector(2, extension)
    connection = socket.create_connection(("127.0.0.1", 443), timeout=20)
    connection.sendall(b"\x16\3\1" + vector(2, b"\1" + vector(3, body)))
    answer = connection.recv(100)
    print("alert", answer[6])
    """#
}

extension Deployment {
  /// What `journalctl` finds, once there is so much.
  fileprivate func entries(_ match: String, _ count: Int) throws -> [[String: Any]] {
    var entries: [[String: Any]] = []
    try eventually("\(count) entries with \(match): \(journal)") {
      entries = try machine.run("journalctl", "--output", "json", match).output.split(separator: "\n").compactMap {
        try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
      }
      return entries.count >= count
    }
    return entries
  }
}
