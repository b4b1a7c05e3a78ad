import Foundation
import Testing

/// `sniproxy-check --hello`.
@Suite(.scratch)
struct CheckHelloTests {
  private func explain(_ bytes: [UInt8], _ options: String...) throws -> Check {
    let file = Scratch.current.file("hello")
    try Data(bytes).write(to: URL(filePath: file))
    return try Check(["--hello", file] + options)
  }

  @Test func `an accepted hello`() throws {
    let check = try explain(
      Hello("Shop.Example", protocols: ["h2", "http/1.1"], padding: 20, recordSize: 100).bytes + [1, 2, 3])
    #expect(check.status == .exited(0) && check.error == "")
    for line in [
      "records: 2", "  type 22 (handshake), version 0x0301, 100 bytes", "  extensions: 4",
      "    server_name (0), 17 bytes: Shop.Example",
      "    application_layer_protocol_negotiation (16), 14 bytes: h2, http/1.1", "    GREASE (64250), 20 bytes",
      "    supported_versions (43), 3 bytes: TLS 1.3", "behind it: 3 bytes, which are not looked at",
      "verdict: accepted: sniproxy looks for the entry shop.example",
    ] {
      #expect(check.output.contains("\(line)\n"), "\(line) in \(check.output)")
    }
    let sum = try run("sh", "-c", "printf %s shop.example | sha256sum").output.prefix(64)
    #expect(try explain(Hello("shop.example").bytes, "--hashed").output.contains("looks for the entry \(sum)\n"))
  }

  /// Each of what a real sniproxy refuses in `AlertTests`.
  @Test(arguments: RefusedHello.all.indices)
  func `a refused hello has its alert, the reason that the log has, and the sentence of the RFC`(index: Int) throws {
    let hello = RefusedHello.all[index]
    let check = try explain(hello.bytes)
    // That there is no such entry is not the ClientHello's fault.
    guard hello.description != "an unknown name" else { return #expect(check.status == .exited(0)) }
    #expect(check.status == .exited(1), "\(hello): \(check.output)")
    #expect(check.output.contains("verdict: refused with alert \(hello.alert) "), "\(hello): \(check.output)")
    let reason = try #require(check.output.firstMatch(of: /\nverdict: refused with alert [0-9]+ [a-z_]+: (.*)\n/)).1
    let proxy = try Proxy(HostsDirectory())
    let client = try proxy.connect()
    try client.send(hello.bytes)
    _ = try client.receiveAll()
    try eventually("\(reason) in \(proxy.log)") {
      proxy.log.contains("refused with alert \(hello.alert): \(reason)\n")
    }
    #expect(check.output.contains(/\n  RFC [0-9]+, section [0-9.]+.*: ".*"\n$/), "\(hello): \(check.output)")
  }

  @Test func `an incomplete hello`() throws {
    let bytes = Hello("shop.example").bytes
    for count in [1, 5, 9, 60, bytes.count - 1] {
      let check = try explain(Array(bytes.prefix(count)))
      #expect(
        check.status == .exited(1) && check.output.contains("\nverdict: incomplete: at least "), "\(check.output)")
    }
    #expect(try explain(bytes.dropLast()).output.contains("at least 1 more byte is missing"))
  }

  @Test func `hexadecimal digits, from standard input, to JSON`() throws {
    let file = Scratch.current.file("digits")
    let digits = Hello("shop.example").bytes.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }
    try digits.joined(separator: ":").write(toFile: file, atomically: false, encoding: .utf8)
    let check = try Check(["--hello", "-", "--json"], input: .file(file))
    let report = try #require(try JSONSerialization.jsonObject(with: Data(check.output.utf8)) as? [String: Any])
    #expect(report["verdict"] as? String == "accepted" && report["entry"] as? String == "shop.example")
  }

  @Test func `an endless file ends`() throws {
    let check = try Check("--hello", "/dev/zero")
    #expect(check.status == .exited(1) && check.output.contains("alert 10 unexpected_message"))
  }

  @Test func `a capture of packets is named as one`() throws {
    let check = try explain([0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0])
    #expect(check.status == .exited(100) && check.error.contains("tshark"))
  }
}
