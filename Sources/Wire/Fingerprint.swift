/// What tells one TLS client program from another, as FoxIO's JA4 has it (technical_details/JA4.md of FoxIO-LLC/ja4), for a
/// client over TCP. The hashes of its two lists are not made here.
package struct Fingerprint: Sendable, Equatable {
  /// The part that people can read, such as `t13d1516h2`: TCP, the version, whether there is a server name, how many cipher
  /// suites and extensions there are, and the ends of the first protocol.
  package let traits: String
  /// The cipher suites in rising order, four hexadecimal digits each, with commas between them.
  package let cipherSuites: [UInt8]
  /// Likewise the extensions, without those that `traits` tells of; then, if there are any, `_` and the signature algorithms
  /// in the client's order. Empty if there are no such extensions.
  package let extensions: [UInt8]

  /// Takes the fingerprint of a whole handshake message, its 4-byte header included.
  ///
  /// What a router has no use for may be malformed in a ClientHello that is taken: a list counts as far as it goes then.
  ///
  /// - Throws: what `ClientHello(message:)` throws too where lengths do not fit.
  package init(message: [UInt8]) throws(Refusal) {
    var reader = ByteReader(message, from: ClientHello.headerLength)
    var version: UInt16? = try reader.uint16(.legacyVersion)
    var types: [UInt16] = []
    var suites: [UInt16] = []
    var algorithms: [UInt16] = []
    var firstProtocol: ArraySlice<UInt8> = []
    try reader.skip(32, .random)
    _ = try reader.opaque(.legacySessionID, 0...32)
    suites = values(reader[try reader.opaque(.cipherSuites, 2...0xfffe)])
    _ = try reader.opaque(.legacyCompressionMethods, 1...0xff)
    if !reader.isAtEnd {
      try reader.vector(.extensions, 0...0xffff) { extensions throws(Refusal) in
        while !extensions.isAtEnd {
          let type = try extensions.uint16(.extensions)
          let body = extensions[try extensions.opaque(.extension(type), 0...0xffff)]
          switch type {
          case ExtensionType.supportedVersions: version = values(list(in: body, lengthBytes: 1)).max()
          case ExtensionType.signatureAlgorithms: algorithms = values(list(in: body, lengthBytes: 2))
          case ExtensionType.applicationLayerProtocolNegotiation:
            firstProtocol = list(in: list(in: body, lengthBytes: 2), lengthBytes: 1)
          default: break
          }
          if !isGrease(type) { types.append(type) }
        }
      }
    }
    let named = types.contains(ExtensionType.serverName) ? "d" : "i"
    traits =
      "t" + versionText(version) + named + countText(suites.count) + countText(types.count) + endsText(firstProtocol)
    cipherSuites = digits(suites.sorted())
    let others = types.filter {
      $0 != ExtensionType.serverName && $0 != ExtensionType.applicationLayerProtocolNegotiation
    }
    extensions =
      digits(others.sorted()) + (others.isEmpty || algorithms.isEmpty ? [] : [UInt8(ascii: "_")] + digits(algorithms))
  }
}

/// What the length before a list says, or as much of it as is there.
private func list(in body: ArraySlice<UInt8>, lengthBytes: Int) -> ArraySlice<UInt8> {
  guard body.count >= lengthBytes else { return [] }
  let length = body.prefix(lengthBytes).reduce(0) { $0 << 8 | Int($1) }
  return body.dropFirst(lengthBytes).prefix(length)
}

/// The values of two bytes each that are no GREASE; a single byte at the end is none.
private func values(_ list: ArraySlice<UInt8>) -> [UInt16] {
  stride(from: list.startIndex, to: list.endIndex - 1, by: 2)
    .map { UInt16(list[$0]) << 8 | UInt16(list[$0 + 1]) }
    .filter { !isGrease($0) }
}

/// RFC 8701, section 2: "0x0A0A", "0x1A1A" and so on to "0xFAFA", which clients send so that servers keep ignoring what they
/// do not know.
private func isGrease(_ value: UInt16) -> Bool { value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff }

private func versionText(_ version: UInt16?) -> String {
  switch version {
  case 0x0304: "13"
  case 0x0303: "12"
  case 0x0302: "11"
  case 0x0301: "10"
  case 0x0300: "s3"
  case 0x0002: "s2"
  case 0xfeff: "d1"
  case 0xfefd: "d2"
  case 0xfefc: "d3"
  default: "00"
  }
}

private func countText(_ count: Int) -> String { count < 10 ? "0\(count)" : "\(min(count, 99))" }

/// The first and the last character of a protocol; where one of them is neither a letter nor a digit, of the protocol in
/// hexadecimal digits.
private func endsText(_ name: ArraySlice<UInt8>) -> String {
  guard let first = name.first, let last = name.last else { return "00" }
  let ends = isAlphanumeric(first) && isAlphanumeric(last) ? [first, last] : [digit(first >> 4), digit(last & 15)]
  return String(decoding: ends, as: Unicode.ASCII.self)
}

private func isAlphanumeric(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "a")...UInt8(ascii: "z"):
    true
  default: false
  }
}

private func digits(_ values: [UInt16]) -> [UInt8] {
  var text: [UInt8] = []
  text.reserveCapacity(5 * values.count)
  for value in values {
    if !text.isEmpty { text.append(UInt8(ascii: ",")) }
    for shift in [12, 8, 4, 0] { text.append(digit(UInt8(truncatingIfNeeded: value >> UInt16(shift)) & 15)) }
  }
  return text
}

private func digit(_ value: UInt8) -> UInt8 { value + (value < 10 ? UInt8(ascii: "0") : UInt8(ascii: "a") - 10) }

private enum ExtensionType {
  static let serverName: UInt16 = 0
  static let signatureAlgorithms: UInt16 = 13
  static let applicationLayerProtocolNegotiation: UInt16 = 16
  static let supportedVersions: UInt16 = 43
}
