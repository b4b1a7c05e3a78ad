import Foundation
import Testing

/// What a client sends cannot pass for something else in the log.
@Suite(.scratch)
struct LogEscapeTests {
  @Test(arguments: [[], ["--access-log"]])
  func `hostile names cannot forge a line or a field`(options: [String]) throws {
    let hosts = try HostsDirectory()
    let proxy = try Proxy(hosts, options: options)
    for name in Self.names {
      let client = try proxy.connect(Hello(name))
      #expect(try client.receiveAlert() == 112)
      client.close()
    }
    try eventually("every connection to end") {
      options.isEmpty || proxy.log.components(separatedBy: "access: ").count > Self.names.count
    }
    try proxy.stop()
    let log = try Data(contentsOf: URL(filePath: proxy.child.errorPath))
    #expect(log.allSatisfy { $0 == UInt8(ascii: "\n") || (0x20...0x7e).contains($0) })
    let lines = proxy.log.split(separator: "\n", omittingEmptySubsequences: false).dropLast()
    let others = ["listening", "stopping", "stopped"] + (geteuid() == 0 ? ["running as root"] : [])
    let expected = Self.names.count * (1 + options.count) + others.count
    #expect(lines.count == expected, "\(proxy.log)")
    for line in lines {
      #expect(line.hasPrefix("sniproxy: ") && line.count < 2000, "\(line)")
      #expect(!line.hasPrefix("sniproxy: forged"))
      if let access = line.range(of: "access: ") { Self.expectFields(line[access.upperBound...]) }
    }
  }

  /// Each field is `key=value`, and no key comes twice.
  private static func expectFields(_ text: Substring) {
    let fields = text.split(separator: " ", omittingEmptySubsequences: false)
    let keys = fields.map { $0.prefix { $0 != "=" } }
    #expect(Set(keys).count == keys.count, "\(text)")
    #expect(fields.allSatisfy { $0.filter { $0 == "=" }.count == 1 }, "\(text)")
    #expect(!fields.contains("end=forged") && !fields.contains("up=1000000"), "\(text)")
  }

  private static let names = [
    "a.test\nsniproxy: forged: line", "a.test\r\nsniproxy: forged: line", "\u{1b}[2J\u{1b}[31ma.test",
    "a.test\u{7}\u{8}\u{8}", "a.test end=forged up=1000000", "\"a.test\" end=forged", "'a.test'",
    "\\x0asniproxy: forged", "%s%n%d.test", "\u{9b}31m.test", "\u{202e}tset.a", "a.test\0forged", "<3>forged.test",
    "\u{2028}forged", "$(reboot).test", "\tforged\u{b}\u{c}", "../../etc/passwd", "/etc/passwd",
    String(repeating: "\n", count: 10_000), String(repeating: "a", count: 60_000),
  ]
}
