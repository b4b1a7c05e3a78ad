import Testing
import Wire

@Suite struct ProxyHeaderTests {
  private static let v4 = Endpoint.internet(.v4([192, 0, 2, 1]), port: 56324)
  private static let v4Own = Endpoint.internet(.v4([198, 51, 100, 7]), port: 443)
  private static let v6 = Endpoint.internet(.v6(groups: [0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]), port: 56324)
  private static let v6Own = Endpoint.internet(.v6(groups: [0x2001, 0xdb8, 1, 0, 0, 0, 0, 2]), port: 443)
  private static let mapped = Endpoint.internet(.v6(groups: [0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201]), port: 56324)
  private static let mappedOwn = Endpoint.internet(.v6(groups: [0, 0, 0, 0, 0, 0xffff, 0xc633, 0x6407]), port: 443)

  private static let lines: [(Endpoint, Endpoint, String)] = [
    (v4, v4Own, "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"),
    (v6, v6Own, "PROXY TCP6 2001:db8::1 2001:db8:1::2 56324 443\r\n"),
    (mapped, mappedOwn, "PROXY TCP4 192.0.2.1 198.51.100.7 56324 443\r\n"),
    (.local, .local, "PROXY UNKNOWN\r\n"),
    (.internet(.v4([0, 0, 0, 0]), port: 0), v4Own, "PROXY TCP4 0.0.0.0 198.51.100.7 0 443\r\n"),
  ]

  @Test(arguments: lines) func `version 1 is a line`(_ source: Endpoint, _ own: Endpoint, _ line: String) {
    let bytes = ProxyHeader.version1.bytes(
      source: source, destination: own, serverName: ArraySlice("a.example".utf8), protocols: [ArraySlice("h2".utf8)])
    #expect(String(decoding: bytes, as: UTF8.self) == line)
  }

  @Test func `version 1 has 107 bytes at most`() {
    let end = Endpoint.internet(.v6(InlineArray(repeating: 0xff)), port: 65535)
    let bytes = ProxyHeader.version1.bytes(source: end, destination: end, serverName: [], protocols: [])
    let address = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"
    #expect(String(decoding: bytes, as: UTF8.self) == "PROXY TCP6 \(address) \(address) 65535 65535\r\n")
    #expect(bytes.count <= 107)
  }

  private static let signature: [UInt8] = Array("\r\n\r\n\0\r\nQUIT\n".utf8)

  @Test func `version 2 of IPv4 is right byte for byte`() {
    let expected: [UInt8] =
      Self.signature + [0x21, 0x11, 0, 24] + [192, 0, 2, 1, 198, 51, 100, 7, 0xdc, 0x04, 0x01, 0xbb]
      + [2, 0, 9] + Array("A.example".utf8)
    for (source, own) in [(Self.v4, Self.v4Own), (Self.mapped, Self.mappedOwn)] {
      let bytes = ProxyHeader.version2.bytes(
        source: source, destination: own, serverName: ArraySlice("A.example".utf8), protocols: [])
      #expect(bytes == expected)
    }
  }

  @Test func `version 2 of IPv6 is right byte for byte`() {
    let bytes = ProxyHeader.version2.bytes(
      source: Self.v6, destination: Self.v6Own, serverName: ArraySlice("a".utf8), protocols: [ArraySlice("h2".utf8)])
    #expect(
      bytes == Self.signature + [0x21, 0x21, 0, 45]
        + [0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        + [0x20, 0x01, 0x0d, 0xb8, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2]
        + [0xdc, 0x04, 0x01, 0xbb] + [1, 0, 2] + Array("h2".utf8) + [2, 0, 1] + Array("a".utf8))
  }

  @Test func `version 2 of a client without an address has no addresses, but the rest`() {
    let bytes = ProxyHeader.version2.bytes(
      source: .local, destination: .local, serverName: ArraySlice("a".utf8), protocols: [ArraySlice("h2".utf8)])
    #expect(bytes == Self.signature + [0x21, 0x00, 0, 9, 1, 0, 2] + Array("h2".utf8) + [2, 0, 1] + Array("a".utf8))
  }

  private static let offers: [([String], String?)] = [
    ([], nil), (["h2"], "h2"), (["h2", "http/1.1"], nil), (["h2", "h2"], nil),
    ([String(repeating: "p", count: 255)], String(repeating: "p", count: 255)),
  ]

  @Test(arguments: offers) func `version 2 tells the protocol only where one was offered`(
    _ offer: [String], _ expected: String?
  ) throws {
    let bytes = ProxyHeader.version2.bytes(
      source: Self.v4, destination: Self.v4Own, serverName: ArraySlice("Www.Example.COM".utf8),
      protocols: offer.map { ArraySlice($0.utf8) })
    let header = try #require(ParsedHeader(bytes))
    #expect(header.values[1] == expected.map { Array($0.utf8) })
    #expect(header.values[2] == Array("Www.Example.COM".utf8))
  }

  @Test func `version 2 can be read again`() throws {
    var generator = Generator(seed: 5)
    for _ in 0..<1000 {
      let isV4 = Bool.random(using: &generator)
      let source = randomEndpoint(isV4, &generator)
      let own = randomEndpoint(isV4, &generator)
      let name = generator.bytes(.random(in: 1...253, using: &generator))
      let bytes = ProxyHeader.version2.bytes(source: source, destination: own, serverName: name[...], protocols: [])
      let header = try #require(ParsedHeader(bytes))
      #expect(header.source == source)
      #expect(header.destination == own)
      #expect(header.values == [2: name])
    }
  }

  private func randomEndpoint(_ isV4: Bool, _ generator: inout Generator) -> Endpoint {
    let bytes = generator.bytes(16)
    let address = isV4 ? IPAddress.v4(InlineArray { bytes[$0] }) : .v6(InlineArray { bytes[$0] })
    return .internet(address, port: .random(in: 0...65535, using: &generator))
  }
}

/// What a backend makes of a version 2 header of a TCP connection.
private struct ParsedHeader {
  let source: Endpoint
  let destination: Endpoint
  var values: [UInt8: [UInt8]] = [:]

  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 16, bytes[..<12].elementsEqual("\r\n\r\n\0\r\nQUIT\n".utf8), bytes[12] == 0x21,
      bytes.count == 16 + Int(bytes[14]) << 8 + Int(bytes[15])
    else { return nil }
    let size = bytes[13] == 0x11 ? 4 : 16
    guard bytes[13] == 0x11 || bytes[13] == 0x21, bytes.count >= 16 + 2 * size + 4 else { return nil }
    func end(_ start: Int, _ port: Int) -> Endpoint {
      let address =
        size == 4
        ? IPAddress.v4(InlineArray { bytes[start + $0] }) : .v6(InlineArray { bytes[start + $0] })
      return .internet(address, port: UInt16(bytes[port]) << 8 | UInt16(bytes[port + 1]))
    }
    let ports = 16 + 2 * size
    source = end(16, ports)
    destination = end(16 + size, ports + 2)
    var rest = bytes[(ports + 4)...]
    while !rest.isEmpty {
      guard rest.count >= 3 else { return nil }
      let type = rest.removeFirst()
      let length = Int(rest.removeFirst()) << 8 | Int(rest.removeFirst())
      guard rest.count >= length, values[type] == nil else { return nil }
      values[type] = Array(rest.prefix(length))
      rest.removeFirst(length)
    }
  }
}
