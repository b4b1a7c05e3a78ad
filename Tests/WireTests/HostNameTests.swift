import Testing
import Wire

@Suite struct HostNameTests {
  private static let label63 = String(repeating: "a", count: 63)
  private static let name253 = [label63, label63, label63, String(repeating: "d", count: 61)].joined(separator: ".")

  private static let legal = [
    ("example.com", "example.com"),
    ("WWW.Example.ORG", "www.example.org"),
    ("a", "a"),
    ("localhost", "localhost"),
    ("_", "_"),
    ("_acme-challenge.a_b.com", "_acme-challenge.a_b.com"),
    ("xn--bcher-kva.de", "xn--bcher-kva.de"),
    ("a--b.de", "a--b.de"),
    ("1.2.3.4.in-addr.arpa", "1.2.3.4.in-addr.arpa"),
    ("192.0.2.1a", "192.0.2.1a"),
    ("0x7f000001", "0x7f000001"),
    ("1-2", "1-2"),
    ("3_", "3_"),
    ("\(label63).\(label63)", "\(label63).\(label63)"),
    (name253.uppercased(), name253),
  ]

  @Test(arguments: legal) func `a legal name comes out in lower case`(_ written: String, _ expected: String) throws {
    let name = try HostName(Array(written.utf8)[...])
    #expect(name.bytes == Array(expected.utf8))
    #expect(name.description == expected)
  }

  private static let flaws: [(String, HostName.Flaw)] = [
    ("", .empty),
    ("\(name253)d", .tooLong(254)),
    ("\(name253).", .tooLong(254)),
    (String(repeating: "x", count: 400), .tooLong(400)),
    (".", .trailingDot),
    ("..", .trailingDot),
    ("example.com.", .trailingDot),
    (".example.com", .emptyLabel),
    ("www..example.com", .emptyLabel),
    ("\(label63)a", .labelTooLong(64)),
    ("\(label63)a.com", .labelTooLong(64)),
    ("www.\(label63)aa", .labelTooLong(65)),
    ("-", .hyphenAtEdge),
    ("-a.com", .hyphenAtEdge),
    ("a-.com", .hyphenAtEdge),
    ("a.-com", .hyphenAtEdge),
    ("a.com-", .hyphenAtEdge),
    ("192.0.2.1", .numericLastLabel),
    ("3221225985", .numericLastLabel),
    ("www.example.0", .numericLastLabel),
    ("::1", .illegalByte(UInt8(ascii: ":"))),
    ("../etc", .illegalByte(UInt8(ascii: "/"))),
    ("a\0b", .illegalByte(0)),
    ("a b", .illegalByte(UInt8(ascii: " "))),
    ("*.com", .illegalByte(UInt8(ascii: "*"))),
    ("b\u{fc}cher.de", .illegalByte(0xc3)),
  ]

  @Test(arguments: flaws) func `an illegal name tells its flaw`(_ written: String, _ flaw: HostName.Flaw) {
    #expect(throws: flaw) { try HostName(Array(written.utf8)[...]) }
  }

  @Test func `no byte but those of letters, digits, hyphen and underscore is legal inside a label`() {
    let legal = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_."
    for byte in UInt8.min...UInt8.max {
      let name = try? HostName([UInt8(ascii: "a"), byte, UInt8(ascii: "z")][...])
      #expect((name != nil) == legal.utf8.contains(byte), "\(byte)")
    }
  }

  @Test func `names that differ in case only are one`() throws {
    #expect(try HostName(Array("A.Example".utf8)[...]) == HostName(Array("a.eXAMPLE".utf8)[...]))
  }

  @Test func `a legal name can be read again`() {
    var generator = Generator(seed: 3)
    let alphabet = Array("abzAZ019-_.".utf8)
    var count = 0
    for _ in 0..<20_000 {
      let raw = (0..<Int.random(in: 1...12, using: &generator)).map { _ in alphabet.randomElement(using: &generator)! }
      guard let name = try? HostName(raw[...]) else { continue }
      count += 1
      #expect((try? HostName(name.bytes[...])) == name)
      #expect(name.bytes.count == raw.count)
    }
    #expect(count > 1000)
  }
}
