import Testing
import Wire

@testable import SNIHandoff

/// What is read of the PROXY headers that the proxy writes, and that anything else is refused.
@Suite struct HeaderTests {
  static let ends: [(Endpoint, Endpoint)] = [
    (.internet(.v4([192, 0, 2, 1]), port: 50_000), .internet(.v4([192, 0, 2, 2]), port: 443)),
    (
      .internet(.v6(InlineArray { UInt8($0) }), port: 50_000),
      .internet(.v6(InlineArray { UInt8(0x20 + $0) }), port: 443)
    ),
  ]

  static func bytes(
    _ name: String = "Example.com", protocols: [String] = ["h2"], ends: (Endpoint, Endpoint) = ends[0]
  ) -> [UInt8] {
    ProxyHeader.version2.bytes(
      source: ends.0, destination: ends.1, serverName: Array(name.utf8)[...],
      protocols: protocols.map { Array($0.utf8)[...] })
  }

  /// One value more, and the length that belongs to it.
  static func adding(_ type: UInt8, _ value: [UInt8], to header: [UInt8] = bytes()) -> [UInt8] {
    var header = header + [type, UInt8(value.count >> 8), UInt8(truncatingIfNeeded: value.count)] + value
    header[14] = UInt8((header.count - 16) >> 8)
    header[15] = UInt8(truncatingIfNeeded: header.count - 16)
    return header
  }

  @Test(arguments: ends)
  func `what the proxy writes is read`(source: Endpoint, destination: Endpoint) throws {
    let header = try Header(Self.bytes(ends: (source, destination)))
    #expect(header.serverName == "Example.com")
    #expect(header.applicationProtocol == Array("h2".utf8))
    #expect(try Header(Self.bytes(protocols: [])).applicationProtocol == nil)
    #expect(try Header(Self.bytes(protocols: ["h2", "http/1.1"])).applicationProtocol == nil)
  }

  @Test func `the longest name and protocol fit into a message`() throws {
    let label = String(repeating: "a", count: 63)
    let name = "\(label).\(label).\(label).\(label.dropLast(2))"
    let message = Self.bytes(name, protocols: [String(repeating: "p", count: 255)], ends: Self.ends[1])
    #expect(message.count < 600)
    let header = try Header(message)
    #expect(header.serverName == name && header.applicationProtocol?.count == 255)
  }

  @Test func `values that are not known are skipped`() throws {
    let header = try Header(Self.adding(0x04, [0, 0, 0], to: Self.adding(0xe5, [])))
    #expect(header == (try Header(Self.bytes())))
  }

  @Test func `every prefix is refused`() {
    for ends in Self.ends {
      let whole = Self.bytes(ends: ends)
      for count in 0..<whole.count {
        let expected: Handoff.Refusal = count < 16 ? .notAHeader : .wrongLength
        #expect(throws: expected) { try Header(Array(whole.prefix(count))) }
      }
      #expect(throws: Handoff.Refusal.wrongLength) { try Header(whole + [0]) }
    }
  }

  /// Also where the length that the header tells is that of what is there.
  @Test func `every cut whose length is told is refused, or has all values`() {
    let whole = Self.bytes()
    for count in 16..<whole.count {
      var cut = Array(whole.prefix(count))
      (cut[14], cut[15]) = (UInt8((count - 16) >> 8), UInt8(truncatingIfNeeded: count - 16))
      #expect(throws: Handoff.Refusal.self) { try Header(cut) }
    }
  }

  @Test func `a changed byte is refused, or changes what does not matter`() throws {
    let whole = Self.bytes()
    for index in whole.indices {
      for value in UInt8.min...UInt8.max where value != whole[index] {
        var changed = whole
        changed[index] = value
        let header = try? Header(changed)
        // The signature, version and command, family, length.
        if index < 16 { #expect(header == nil, "byte \(index) = \(value)") }
        // The addresses, which are taken from the socket.
        if (16..<28).contains(index) { #expect(header == (try Header(whole))) }
        if let header { #expect(header.serverName.utf8.allSatisfy { Self.isOfName($0) }) }
      }
    }
  }

  @Test func `every short body after a right beginning is read to its end, or refused`() {
    let interesting: [UInt8] = [0, 1, 2, 3, 0x61, 0xff]
    for family: UInt8 in [0x00, 0x11] {
      for number in 0..<(6 * 6 * 6 * 6 * 6 * 6) {
        let body = sequence(first: number) { $0 / 6 }.prefix(6).map { interesting[$0 % 6] }
        let addresses = [UInt8](repeating: 7, count: family == 0 ? 0 : 12)
        let start = Array(Self.bytes().prefix(13)) + [family, 0, UInt8(addresses.count + body.count)]
        if let header = try? Header(start + addresses + body) { #expect(!header.serverName.isEmpty) }
      }
    }
  }

  @Test(arguments: ["", "a..b", "../etc", "a\0b", "192.0.2.1", "a\nb", "münchen.example", "example.com."])
  func `a name that is none is refused`(name: String) {
    #expect(throws: Handoff.Refusal.noServerName) { try Header(Self.bytes(name)) }
  }

  @Test func `a header without a name is refused, and one with two`() {
    let bare = Array(Self.bytes().prefix(28))
    #expect(throws: Handoff.Refusal.noServerName) { try Header(Self.adding(0x01, [0x68, 0x32], to: bare)) }
    #expect(throws: Handoff.Refusal.repeatedValue) { try Header(Self.adding(0x02, Array("other.example".utf8))) }
    #expect(throws: Handoff.Refusal.repeatedValue) { try Header(Self.adding(0x01, [0x68, 0x32])) }
  }

  @Test func `other versions, commands and families are refused`() {
    #expect(throws: Handoff.Refusal.notAHeader) {
      try Header(Array("PROXY TCP4 192.0.2.1 192.0.2.2 50000 443\r\n".utf8))
    }
    for (index, value, expected): (Int, UInt8, Handoff.Refusal) in [
      (12, 0x11, .notAHeader), (12, 0x20, .notForAClient), (12, 0x22, .notForAClient), (13, 0x12, .notForAClient),
      (13, 0x31, .notForAClient), (13, 0xff, .notForAClient),
    ] {
      var header = Self.bytes()
      header[index] = value
      #expect(throws: expected) { try Header(header) }
    }
  }

  private static func isOfName(_ byte: UInt8) -> Bool {
    switch byte {
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
      UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
      true
    default: false
    }
  }
}
