/// What a router needs of a ClientHello (RFC 8446, section 4.1.2) that was found to be well-formed to its last byte.
package struct ClientHello: Sendable, Equatable {
  /// `host_name` of the `server_name` extension (RFC 6066, section 3) exactly as the client sent it; nil if there is
  /// none.
  package private(set) var serverName: ArraySlice<UInt8>?
  /// The protocols of the ALPN extension, in the client's order.
  package private(set) var protocolNames = ProtocolNames()

  /// The same as an array.
  package var protocols: [ArraySlice<UInt8>] { Array(protocolNames) }

  /// Reads a whole handshake message, its 4-byte header included.
  package init(message: [UInt8]) throws(Refusal) {
    var reader = ByteReader(message, from: Self.headerLength)
    // struct {
    //     ProtocolVersion legacy_version = 0x0303;
    //     Random random;
    //     opaque legacy_session_id<0..32>;
    //     CipherSuite cipher_suites<2..2^16-2>;
    //     opaque legacy_compression_methods<1..2^8-1>;
    //     Extension extensions<8..2^16-1>;
    // } ClientHello;
    try reader.skip(2, .legacyVersion)
    try reader.skip(32, .random)
    _ = try reader.opaque(.legacySessionID, 0...32)
    try reader.vector(.cipherSuites, 2...0xfffe) { suites throws(Refusal) in
      while !suites.isAtEnd { try suites.skip(2, .cipherSuites) }
    }
    _ = try reader.opaque(.legacyCompressionMethods, 1...0xff)
    // RFC 8446, section 4.1.2: "TLS 1.3 servers might receive ClientHello messages without an extensions field from
    // prior versions of TLS. The presence of extensions can be detected by determining whether there are bytes following
    // the compression_methods field at the end of the ClientHello."
    guard !reader.isAtEnd else { return }
    // The lower bound of 8 is of TLS 1.3 alone: RFC 5246, section 7.4.1.2, has extensions<0..2^16-1>, and which version
    // is meant is for the backend to decide.
    var seen = ExtensionTypes()
    var last: UInt16?
    var forbidden = Forbidden()
    try reader.vector(.extensions, 0...0xffff) { extensions throws(Refusal) in
      while !extensions.isAtEnd {
        // RFC 8446, section 4.2.11: "The "pre_shared_key" extension MUST be the last extension in the ClientHello [...].
        // Servers MUST check that it is the last extension and otherwise fail the handshake with an "illegal_parameter"
        // alert."
        if last == ExtensionType.preSharedKey { forbidden.note(.preSharedKeyNotLast) }
        let type = try extensions.uint16(.extensions)
        // RFC 8446, section 4.2: "There MUST NOT be more than one extension of the same type in a given extension
        // block."
        if !seen.insert(type) { forbidden.note(.repeatedExtension(type)) }
        try readExtension(type, &extensions, &forbidden)
        last = type
      }
    }
    // RFC 8446, section 4.1.2: "a server MUST check that the message either contains no data after
    // legacy_compression_methods or that it contains a valid extensions block with no data following. If not, then it
    // MUST abort the handshake with a "decode_error" alert."
    guard reader.isAtEnd else { throw .leftover(.clientHello) }
    if let refusal = forbidden.first { throw refusal }
  }

  // RFC 8446, section 9.3: "A server receiving a ClientHello MUST correctly ignore all unrecognized cipher suites,
  // extensions, and other parameters." Bodies that a router has no use for are skipped by their length.
  private mutating func readExtension(
    _ type: UInt16, _ extensions: inout ByteReader, _ forbidden: inout Forbidden
  ) throws(Refusal) {
    // struct {
    //     ExtensionType extension_type;
    //     opaque extension_data<0..2^16-1>;
    // } Extension;
    switch type {
    case ExtensionType.serverName:
      try extensions.vector(.extension(type), 0...0xffff) { data throws(Refusal) in
        try readServerNameList(&data, &forbidden)
      }
    case ExtensionType.applicationLayerProtocolNegotiation:
      try extensions.vector(.extension(type), 0...0xffff) { data throws(Refusal) in
        try readProtocolNameList(&data)
      }
    default:
      _ = try extensions.opaque(.extension(type), 0...0xffff)
    }
  }

  private mutating func readServerNameList(
    _ data: inout ByteReader, _ forbidden: inout Forbidden
  ) throws(Refusal) {
    // struct {
    //     NameType name_type;
    //     select (name_type) {
    //         case host_name: HostName;
    //     } name;
    // } ServerName;
    // opaque HostName<1..2^16-1>;
    // struct { ServerName server_name_list<1..2^16-1> } ServerNameList;   (RFC 6066, section 3)
    var seen = NameTypes()
    try data.vector(.serverNameList, 1...0xffff) { list throws(Refusal) in
      while !list.isAtEnd {
        let type = try list.uint8(.serverName)
        // RFC 6066, section 3: "The ServerNameList MUST NOT contain more than one name of the same name_type."
        if !seen.insert(type) { forbidden.note(.repeatedNameType(type)) }
        if type == NameTypes.hostName {
          let name = try list.opaque(.serverName, 1...0xffff)
          serverName = list[name]
        } else {
          // RFC 6066, section 3: "all future data structures associated with new NameTypes MUST begin with a 16-bit
          // length field."
          _ = try list.opaque(.serverName, 0...0xffff)
        }
      }
    }
  }

  private mutating func readProtocolNameList(_ data: inout ByteReader) throws(Refusal) {
    // opaque ProtocolName<1..2^8-1>;
    // struct { ProtocolName protocol_name_list<2..2^16-1> } ProtocolNameList;   (RFC 7301, section 3.1)
    try data.vector(.protocolNameList, 2...0xffff) { list throws(Refusal) in
      protocolNames = ProtocolNames(checked: list[list.rest])
      while !list.isAtEnd {
        // RFC 7301, section 3.1: "Empty strings MUST NOT be included and byte strings MUST NOT be truncated."
        _ = try list.opaque(.protocolName, 1...0xff)
      }
    }
  }

  /// `HandshakeType msg_type` and `uint24 length` (RFC 8446, section 4).
  static let headerLength = 4
}

/// What is well-formed and yet forbidden. RFC 8446, section 6.2, has illegal_parameter for "errors which conform to the
/// formal protocol syntax but are otherwise incorrect", so the whole syntax is read first.
private struct Forbidden {
  private(set) var first: Refusal?

  mutating func note(_ refusal: Refusal) { first = first ?? refusal }
}

/// ExtensionType (RFC 8446, section 4.2).
private enum ExtensionType {
  static let serverName: UInt16 = 0
  static let applicationLayerProtocolNegotiation: UInt16 = 16
  static let preSharedKey: UInt16 = 41
}

/// The extension types seen so far. A hello has a few dozen at the most; beyond that each has one bit, so that a hello of
/// 16,000 extensions costs no more for each than one of ten.
private struct ExtensionTypes {
  private var few = InlineArray<32, UInt16>(repeating: 0)
  private var fewCount = 0
  private var bits: [UInt64] = []

  /// False if the type is there already.
  mutating func insert(_ type: UInt16) -> Bool {
    if bits.isEmpty {
      for index in 0..<fewCount where few[index] == type { return false }
      if fewCount < few.count {
        few[fewCount] = type
        fewCount += 1
        return true
      }
      bits = [UInt64](repeating: 0, count: 1024)
      for index in few.indices { _ = insertBit(few[index]) }
    }
    return insertBit(type)
  }

  private mutating func insertBit(_ type: UInt16) -> Bool {
    let mask: UInt64 = 1 << UInt64(type & 63)
    defer { bits[Int(type >> 6)] |= mask }
    return bits[Int(type >> 6)] & mask == 0
  }
}

/// The name types (RFC 6066, section 3) seen so far.
private struct NameTypes {
  private var bits = InlineArray<4, UInt64>(repeating: 0)

  static let hostName: UInt8 = 0

  /// False if the type is there already.
  mutating func insert(_ type: UInt8) -> Bool {
    let mask: UInt64 = 1 << UInt64(type & 63)
    defer { bits[Int(type >> 6)] |= mask }
    return bits[Int(type >> 6)] & mask == 0
  }
}
