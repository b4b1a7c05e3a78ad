import Foundation
import Testing

/// One line for each connection: what was asked for, what came of it, and how long it took.
@Suite(.scratch)
struct AccessLogTests {
  private static let keys = [
    "client", "listener", "name", "protocols", "host", "up", "down", "hello", "connect", "total", "end", "alert",
    "reason",
  ]

  @Test func `a connection that was served`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("shop.example", flags: .v2).answer("answer")
    let proxy = try Proxy(hosts, "--access-log")
    let client = try proxy.connect()
    let port = try client.port
    let hello = Hello("Shop.Example", protocols: ["h2", "http/1.1"]).bytes
    try client.send(hello)
    #expect(try client.receiveAll().bytes == Array("answer".utf8))
    client.close()
    let line = try AccessLine.all(1, of: proxy)[0]
    #expect(line.pairs.map(\.key) == Self.keys)
    #expect(line["client"] == "127.0.0.1:\(port)")
    #expect(line["listener"] == "\(proxy.addresses[0])")
    #expect(line["name"] == "Shop.Example" && line["host"] == "shop.example")
    #expect(line["protocols"] == "h2,http/1.1")
    #expect(line["up"] == "\(hello.count)" && line["down"] == "6", "the PROXY header is no byte of the client's")
    #expect(line["end"] == "finished" && line["alert"] == "-" && line["reason"] == "-")
    let times = ["hello", "connect", "total"].map { line[$0].flatMap(Double.init) ?? -1 }
    #expect(times[0] >= 0 && times == times.sorted(), "\(times)")
  }

  @Test func `the host is the entry that was used`() throws {
    let hosts = try HostsDirectory()
    // printf %s shop.example | sha256sum
    let entry = "0f59463c606c5b0e5d3da81f36e3f7c175ac230c60e75c2144ce3b752247607c"
    try hosts.addBackend(entry).answer("answer")
    let proxy = try Proxy(hosts, "--access-log", "--hashed")
    #expect(try proxy.ask("SHOP.example") == "answer")
    let line = try AccessLine.all(1, of: proxy)[0]
    #expect(line["name"] == "SHOP.example" && line["host"] == entry)
  }

  @Test func `connections that were refused, with the alert and the reason`() throws {
    let hosts = try HostsDirectory()
    try hosts.add("empty.example")
    try hosts.add("dead.example")
    try Listener(in: "\(hosts.path)/dead.example").close()
    let proxy = try Proxy(hosts, "--access-log", "--hello-timeout", "1.5")
    let expected: [(bytes: [UInt8], name: String, host: String, end: String, alert: String, reason: String)] = [
      (Hello("nobody.example").bytes, "nobody.example", "-", "refused", "112", "unknown_name"),
      (Hello("empty.example").bytes, "empty.example", "empty.example", "refused", "112", "no_socket"),
      (Hello("dead.example").bytes, "dead.example", "dead.example", "refused", "80", "backend_refused"),
      (Hello("no_host=").bytes, "no_host\\x3d", "-", "refused", "112", "illegal_name"),
      (Hello("-").bytes, "\\x2d", "-", "refused", "112", "illegal_name"),
      (Hello(nil).bytes, "-", "-", "refused", "109", "no_server_name"),
      (Array("GET / HTTP/1.1\r\n".utf8), "-", "-", "refused", "10", "unexpected_record"),
      ([22], "-", "-", "closed", "-", "hello_timed_out"),
    ]
    for (number, row) in expected.enumerated() {
      let client = try proxy.connect()
      try client.send(row.bytes)
      _ = try client.receiveAlert()
      client.close()
      let line = try AccessLine.all(number + 1, of: proxy)[number]
      #expect(line.pairs.map(\.key) == Self.keys)
      #expect(line["name"] == row.name && line["host"] == row.host, "\(line)")
      #expect(line["end"] == row.end && line["alert"] == row.alert && line["reason"] == row.reason, "\(line)")
      #expect(line["connect"] == "-" && line["up"] == "0" && line["down"] == "0")
      #expect((line["hello"] == "-") == (number > 5), "\(line)")
    }
  }

  @Test func `its time of the hello is the one that is counted`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("shop.example").answer("answer")
    let counted = try CountedProxy(hosts, options: ["--access-log"])
    for number in 1...5 {
      let before = try counted.status()["total.sum.hello"]
      #expect(try counted.proxy.ask("shop.example") == "answer")
      let line = try AccessLine.all(number, of: counted.proxy)[number - 1]
      let told = try #require(line["hello"].flatMap(Double.init))
      let microseconds = try (counted.status()["total.sum.hello"] - before) / 1000
      #expect(Int((told * 1e6).rounded()) == microseconds)
    }
  }

  @Test func `who is cut while the backend's backlog is full has a host`() throws {
    let hosts = try HostsDirectory()
    _ = try hosts.addBackend("full.example", backlog: 0)
    let waiting = try Connection.fillBacklog(of: "\(hosts.path)/full.example/tls-socket")
    let counted = try CountedProxy(
      hosts, options: ["--access-log", "--connect-timeout", "60", "--drain-timeout", "0.1"])
    let client = try counted.proxy.connect(Hello("full.example"))
    try eventually("it to wait") { try counted.status()["total.waitingForBackend"] == 1 }
    try counted.proxy.stop()
    let line = try AccessLine.all(1, of: counted.proxy)[0]
    #expect(line["end"] == "cut" && line["host"] == "full.example" && line["reason"] == "-", "\(line)")
    withExtendedLifetime((waiting, client)) {}
  }

  @Test(.requires("strace")) func `a shortage is told as the reason of a cut`() throws {
    let passage = try Passage(options: ["--workers", "1", "--access-log"])
    let (client, backend) = try passage.connect()
    let injection = try Injection("recvfrom", "ENOMEM", .always, in: try passage.proxy.vitals.threads("worker"))
    try client.send("more")
    let line = try AccessLine.all(1, of: passage.proxy)[0]
    try injection.end()
    #expect(line["end"] == "cut" && line["reason"] == "out_of_resources" && line["alert"] == "-", "\(line)")
    #expect(passage.proxy.log.contains("relay: a connection was cut: Cannot allocate memory (ENOMEM)"))
    withExtendedLifetime(backend) {}
  }

  @Test func `protocols cannot be forged, and many are cut short`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.example").answer("answer")
    let proxy = try Proxy(hosts, "--access-log")
    let lists: [(protocols: [String], text: String)] = [
      (["h2,http/1.1"], "h2\\x2chttp/1.1"),
      (["h2 end=forged", "-"], "h2\\x20end\\x3dforged,\\x2d"),
      (["\n", "\\x0a"], "\\x0a,\\x5cx0a"),
      (
        [String](repeating: "h2", count: 1000),
        [String](repeating: "h2", count: 100).joined(separator: ",") + ",\\...(1000_protocols)"
      ),
      ([String(repeating: "p", count: 255), "h2"], String(repeating: "p", count: 255) + ",h2"),
    ]
    for (number, list) in lists.enumerated() {
      let client = try proxy.connect(Hello("a.example", protocols: list.protocols))
      #expect(try client.receiveAll().bytes == Array("answer".utf8))
      client.close()
      #expect(try AccessLine.all(number + 1, of: proxy)[number]["protocols"] == list.text)
    }
  }

  @Test(.requires("sh", "awk")) func `README.md tells how to add it up`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("shop.example").answer("answer")
    try hosts.addBackend("other.example").answer("another")
    try hosts.add("empty.example")
    let proxy = try Proxy(hosts, "--access-log", "--log-fingerprint")
    for name in ["shop.example", "SHOP.example", "other.example"] { _ = try proxy.ask(name) }
    for name in ["empty.example", "access:\u{20}host=shop.example end=finished down=1000"] {
      #expect(try proxy.refusal(Hello(name)) == 112)
    }
    _ = try AccessLine.all(5, of: proxy)
    let commands = try #require(Page("README.md").steps.first { $0.recipe == "access-log" }).commands
    let source = "journalctl --unit sniproxy.service --output cat"
    #expect(commands.hasPrefix(source))
    let (status, output, error) = try run(
      "sh", "-c", commands.replacingOccurrences(of: source, with: "cat \"$0\""), proxy.child.errorPath)
    #expect(status == .exited(0) && error.isEmpty, "\(error)")
    let expected = ["- 1 0 1", "empty.example 1 0 1", "other.example 1 7 0", "shop.example 2 12 0"]
    #expect(output.split(separator: "\n").sorted() == expected.map { $0[...] }.sorted())
  }

  @Test func `the fingerprint is there when it is asked for`() throws {
    let proxy = try Proxy(try HostsDirectory(), "--access-log", "--log-fingerprint")
    #expect(try proxy.refusal(Hello("a.example", protocols: ["h2"])) == 112)
    let client = try proxy.connect()
    try client.send("no TLS at all")
    #expect(try client.receiveAlert() == 10)
    let lines = try AccessLine.all(2, of: proxy)
    #expect(lines.allSatisfy { $0.pairs.map(\.key) == Self.keys + ["ja4"] })
    // printf %s 1301 | sha256sum; printf %s 002b | sha256sum
    #expect(lines[0]["ja4"] == "t13d0103h2_0f2cb44170f4_b9a491fefe05")
    #expect(lines[1]["ja4"] == "-")
  }

  @Test func `the fingerprint needs the access log`() throws {
    let (status, _, error) = try run(try Program.path("sniproxy"), "--log-fingerprint")
    #expect(status == .exited(100))
    #expect(error.contains("--log-fingerprint") && error.contains("--access-log"), "\(error)")
  }
}
