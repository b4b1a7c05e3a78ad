import Glibc
import Testing
import Wire

@Suite struct EndpointTests {
  @Test func `an IPv4 address has dotted quads`() {
    #expect("\(IPAddress.v4([0, 0, 0, 0]))" == "0.0.0.0")
    #expect("\(IPAddress.v4([192, 0, 2, 1]))" == "192.0.2.1")
    #expect("\(IPAddress.v4([255, 255, 255, 255]))" == "255.255.255.255")
  }

  /// RFC 5952, section 4, rule by rule.
  private static let texts: [([UInt16], String)] = [
    ([0x2001, 0xdb8, 0, 0, 1, 0, 0, 1], "2001:db8::1:0:0:1"),
    ([0x2001, 0xdb8, 0, 0, 0, 0, 2, 1], "2001:db8::2:1"),
    ([0x2001, 0xdb8, 0, 1, 1, 1, 1, 1], "2001:db8:0:1:1:1:1:1"),
    ([0x2001, 0, 0, 1, 0, 0, 0, 1], "2001:0:0:1::1"),
    ([0x2001, 0xdb8, 0xaaaa, 0xbbbb, 0xcccc, 0xdddd, 0xeeee, 1], "2001:db8:aaaa:bbbb:cccc:dddd:eeee:1"),
    ([0x2001, 0xdb8, 0, 0xABCD, 0, 0, 0, 0], "2001:db8:0:abcd::"),
    ([0, 0, 0, 0, 0, 0, 0, 0], "::"),
    ([0, 0, 0, 0, 0, 0, 0, 1], "::1"),
    ([1, 0, 0, 0, 0, 0, 0, 0], "1::"),
    ([0, 1, 0, 1, 0, 1, 0, 1], "0:1:0:1:0:1:0:1"),
    ([0, 0, 1, 1, 1, 1, 0, 0], "::1:1:1:1:0:0"),
    ([0, 0, 1, 1, 1, 0, 0, 0], "0:0:1:1:1::"),
    ([0xfe80, 0, 0, 0, 0, 0, 0, 0x10], "fe80::10"),
  ]

  @Test(arguments: texts) func `an IPv6 address has the form of RFC 5952`(_ groups: [UInt16], _ text: String) {
    #expect("\(IPAddress.v6(groups: groups))" == text)
  }

  @Test func `an IPv6 address is written as the C library writes it`() {
    var generator = Generator(seed: 4)
    for _ in 0..<2000 {
      var groups = (0..<8).map { _ in
        Bool.random(using: &generator) ? 0 : UInt16.random(in: 1...9999, using: &generator)
      }
      groups[0] = 0x2001  // The C library writes addresses that embed an IPv4 address otherwise.
      let address = IPAddress.v6(groups: groups)
      #expect("\(address)" == address.textOfC)
    }
  }

  @Test func `an address that maps an IPv4 address stands for it`() {
    let mapped = IPAddress.v6(groups: [0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201])
    #expect(mapped.unmapped == .v4([192, 0, 2, 1]))
    for groups: [UInt16] in [
      [0, 0, 0, 0, 0, 0, 0xc000, 0x0201], [0, 0, 0, 0, 1, 0xffff, 0xc000, 0x0201],
      [1, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201],
      [0, 0, 0, 0, 0, 0xfffe, 0xc000, 0x0201], [0, 0, 0, 0, 0, 0x00ff, 0xc000, 0x0201],
    ] {
      let other = IPAddress.v6(groups: groups)
      #expect(other.unmapped == other)
    }
    #expect(IPAddress.v4([192, 0, 2, 1]).unmapped == .v4([192, 0, 2, 1]))
  }

  @Test func `addresses are equal where every byte is`() {
    let address = IPAddress.v6(groups: [1, 2, 3, 4, 5, 6, 7, 8])
    #expect(address == .v6(groups: [1, 2, 3, 4, 5, 6, 7, 8]))
    #expect(address != .v6(groups: [1, 2, 3, 4, 5, 6, 7, 9]))
    #expect(IPAddress.v4([0, 0, 0, 0]) != .v6(groups: [0, 0, 0, 0, 0, 0, 0, 0]))
    #expect(IPAddress.v4([1, 2, 3, 4]) != .v4([1, 2, 3, 5]))
  }

  @Test func `an endpoint is written as a person writes it`() {
    #expect("\(Endpoint.internet(.v4([127, 0, 0, 1]), port: 8443))" == "127.0.0.1:8443")
    #expect("\(Endpoint.internet(.v6(groups: [0, 0, 0, 0, 0, 0, 0, 1]), port: 443))" == "[::1]:443")
    let mapped = IPAddress.v6(groups: [0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0201])
    #expect("\(Endpoint.internet(mapped, port: 1))" == "192.0.2.1:1")
    #expect("\(Endpoint.local)" == "unix")
  }
}

extension IPAddress {
  static func v6(groups: [UInt16]) -> IPAddress {
    .v6(InlineArray { UInt8(truncatingIfNeeded: groups[$0 / 2] >> ($0 % 2 == 0 ? 8 : 0)) })
  }

  /// As inet_ntop(3) writes it.
  fileprivate var textOfC: String {
    guard case .v6(let bytes) = self else { return "" }
    var address = in6_addr()
    for index in bytes.indices { unsafe withUnsafeMutableBytes(of: &address) { unsafe $0[index] = bytes[index] } }
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard unsafe inet_ntop(AF_INET6, &address, &text, socklen_t(text.count)) != nil else { return "" }
    return String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}
