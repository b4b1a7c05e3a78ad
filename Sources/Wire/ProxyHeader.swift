/// The header of HAProxy's PROXY protocol that a backend gets before the client's bytes ("The PROXY protocol, versions 1
/// and 2").
package enum ProxyHeader: Equatable, Sendable {
  case version1
  case version2

  /// The header's bytes.
  ///
  /// - Parameters:
  ///   - source: the client's own address.
  ///   - destination: the accepted socket's own address.
  ///   - serverName: as the client sent it.
  ///   - protocols: what the client offered by ALPN.
  package func bytes(
    source: Endpoint, destination: Endpoint, serverName: ArraySlice<UInt8>, protocols: [ArraySlice<UInt8>]
  ) -> [UInt8] {
    let addresses = Addresses(source: source, destination: destination)
    switch self {
    case .version1: return Self.version1(addresses)
    case .version2: return Self.version2(addresses, serverName, protocols)
    }
  }

  /// Section 2.1: "PROXY", the family, the two addresses, the two ports, with one space each; at most 107 bytes.
  private static func version1(_ addresses: Addresses) -> [UInt8] {
    switch addresses {
    case .v4(let source, let destination, let ports):
      line("TCP4 \(IPAddress.v4(source)) \(IPAddress.v4(destination)) \(ports.source) \(ports.destination)")
    case .v6(let source, let destination, let ports):
      line("TCP6 \(IPAddress.v6(source)) \(IPAddress.v6(destination)) \(ports.source) \(ports.destination)")
    case .unspecified: line("UNKNOWN")
    }
  }

  private static func line(_ text: String) -> [UInt8] { Array("PROXY \(text)\r\n".utf8) }

  /// Section 2.2: the signature, version 2 and command PROXY, family and transport, the length of what follows, the
  /// addresses, the TLVs.
  private static func version2(
    _ addresses: Addresses, _ serverName: ArraySlice<UInt8>, _ protocols: [ArraySlice<UInt8>]
  ) -> [UInt8] {
    var body: [UInt8] = []
    let family: UInt8
    switch addresses {
    case .v4(let source, let destination, let ports):
      family = 0x11
      for index in source.indices { body.append(source[index]) }
      for index in destination.indices { body.append(destination[index]) }
      body += bigEndian(ports.source) + bigEndian(ports.destination)
    case .v6(let source, let destination, let ports):
      family = 0x21
      for index in source.indices { body.append(source[index]) }
      for index in destination.indices { body.append(destination[index]) }
      body += bigEndian(ports.source) + bigEndian(ports.destination)
    case .unspecified:
      family = 0x00
    }
    // Section 2.2.1, PP2_TYPE_ALPN: "Application-Layer Protocol Negotiation (ALPN). It is a byte sequence defining the
    // upper layer protocol in use over the connection." Only an only offer says what that will be.
    if protocols.count == 1 { body += typeLengthValue(0x01, protocols[0]) }
    // Section 2.2.2, PP2_TYPE_AUTHORITY: "Contains the host name value passed by the client, as an UTF8-encoded string."
    body += typeLengthValue(0x02, serverName)
    return signature + [0x21, family] + bigEndian(UInt16(body.count)) + body
  }

  private static func typeLengthValue(_ type: UInt8, _ value: ArraySlice<UInt8>) -> [UInt8] {
    [type] + bigEndian(UInt16(value.count)) + value
  }

  private static func bigEndian(_ value: UInt16) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }

  private static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
}

/// The two ends in one family, as both versions of the header want them.
private enum Addresses {
  typealias Ports = (source: UInt16, destination: UInt16)

  case v4(InlineArray<4, UInt8>, InlineArray<4, UInt8>, Ports)
  case v6(InlineArray<16, UInt8>, InlineArray<16, UInt8>, Ports)
  case unspecified

  init(source: Endpoint, destination: Endpoint) {
    guard case .internet(let from, let fromPort) = source, case .internet(let to, let toPort) = destination else {
      self = .unspecified
      return
    }
    let ports = (source: fromPort, destination: toPort)
    self =
      switch (from.unmapped, to.unmapped) {
      case (.v4(let from), .v4(let to)): .v4(from, to, ports)
      case (.v6(let from), .v6(let to)): .v6(from, to, ports)
      default: .unspecified
      }
  }
}
