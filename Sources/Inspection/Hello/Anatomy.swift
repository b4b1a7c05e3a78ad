/// The parts of what a client sent, as far as they can be told apart, be they legal or not. What becomes of the client is for
/// `HelloReader` to say: this only shows.
package struct Anatomy: Equatable, Sendable {
  package struct Record: Equatable, Sendable {
    package let type: UInt8
    package let version: UInt16
    package let length: Int
    /// How many bytes of it are there.
    package let present: Int
  }

  package struct Extension: Equatable, Sendable {
    package let name: ExtensionName
    package let length: Int
    package let body: [UInt8]
  }

  /// Up to the end of the ClientHello.
  package private(set) var records: [Record] = []
  /// Of the handshake message, with its header: what it says, and what is there.
  package private(set) var messageType: UInt8?
  package private(set) var messageLength: Int?
  package private(set) var messagePresent = 0
  package private(set) var version: UInt16?
  package private(set) var sessionIDLength: Int?
  package private(set) var cipherSuites: [UInt16]?
  package private(set) var compressionMethods: [UInt8]?
  package private(set) var extensions: [Extension]?
  /// Bytes behind the ClientHello.
  package private(set) var following = 0

  package init(_ bytes: [UInt8]) {
    let message = readRecords(bytes)
    messagePresent = message.count
    readMessage(message)
  }

  /// Gives the handshake message.
  private mutating func readRecords(_ bytes: [UInt8]) -> [UInt8] {
    var message: [UInt8] = []
    var position = 0
    while bytes.count - position >= 5 {
      let length = Int(bytes[position + 3]) << 8 | Int(bytes[position + 4])
      let fragment = bytes[(position + 5)...].prefix(length)
      records.append(
        Record(
          type: bytes[position], version: UInt16(bytes[position + 1]) << 8 | UInt16(bytes[position + 2]),
          length: length,
          present: fragment.count))
      position += 5 + fragment.count
      guard records.last?.type == Self.handshake, 1...Self.longestFragment ~= length else { break }
      message += fragment
      if message.count >= 4 {
        let length = 4 + (Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3]))
        if message.count >= length {
          following = bytes.count - position + message.count - length
          return Array(message.prefix(length))
        }
      }
    }
    return message
  }

  private mutating func readMessage(_ message: [UInt8]) {
    guard let type = message.first else { return }
    messageType = type
    guard message.count >= 4 else { return }
    messageLength = 4 + (Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3]))
    guard type == Self.clientHello else { return }
    var rest = message[4...]
    version = Self.number(&rest)
    guard version != nil, rest.count >= 32 else { return }
    rest = rest.dropFirst(32)
    guard let sessionID = Self.vector(&rest, lengthOf: 1) else { return }
    sessionIDLength = sessionID.count
    guard let suites = Self.vector(&rest, lengthOf: 2) else { return }
    cipherSuites = stride(from: suites.startIndex, to: suites.endIndex - 1, by: 2).map {
      UInt16(suites[$0]) << 8 | UInt16(suites[$0 + 1])
    }
    guard let methods = Self.vector(&rest, lengthOf: 1) else { return }
    compressionMethods = Array(methods)
    guard var list = Self.vector(&rest, lengthOf: 2, orLess: true) else { return }
    var found: [Extension] = []
    while let type = Self.number(&list), let length = Self.number(&list) {
      let body = list.prefix(Int(length))
      list = list.dropFirst(Int(length))
      found.append(Extension(name: ExtensionName(type), length: Int(length), body: Array(body)))
    }
    extensions = found
  }

  private static func number(_ bytes: inout ArraySlice<UInt8>) -> UInt16? {
    guard let high = bytes.popFirst(), let low = bytes.popFirst() else { return nil }
    return UInt16(high) << 8 | UInt16(low)
  }

  /// nil if it is not all there, unless what is there will do.
  fileprivate static func vector(
    _ bytes: inout ArraySlice<UInt8>, lengthOf width: Int, orLess: Bool = false
  ) -> ArraySlice<UInt8>? {
    guard bytes.count >= width else { return nil }
    let length = bytes.prefix(width).reduce(0) { $0 << 8 | Int($1) }
    bytes = bytes.dropFirst(width)
    guard bytes.count >= length || orLess else { return nil }
    defer { bytes = bytes.dropFirst(length) }
    return bytes.prefix(length)
  }

  private static let handshake: UInt8 = 22
  private static let clientHello: UInt8 = 1
  private static let longestFragment = 1 << 14
}

extension Anatomy.Extension {
  /// The first `host_name` in `server_name` (RFC 6066, section 3); nil of other extensions, and where lengths do not fit.
  package var hostName: [UInt8]? {
    var rest = body[...]
    guard name.number == 0, var list = Anatomy.vector(&rest, lengthOf: 2) else { return nil }
    while let type = list.popFirst(), let name = Anatomy.vector(&list, lengthOf: 2) {
      if type == 0 { return Array(name) }
    }
    return nil
  }

  /// The names in ALPN (RFC 7301, section 3.1) up to the first one whose length does not fit; none in other extensions.
  package var protocols: [[UInt8]] {
    var rest = body[...]
    guard name.number == 16, var list = Anatomy.vector(&rest, lengthOf: 2) else { return [] }
    var names: [[UInt8]] = []
    while let name = Anatomy.vector(&list, lengthOf: 1) { names.append(Array(name)) }
    return names
  }

  /// The versions that the client offers; nil of other extensions.
  package var versions: [String]? {
    guard name.number == 43, let count = body.first, body.count == 1 + Int(count) else { return nil }
    return stride(from: 1, to: body.count - 1, by: 2).map { versionName(UInt16(body[$0]) << 8 | UInt16(body[$0 + 1])) }
  }
}

/// "TLS 1.3"; the number where it has no name.
package func versionName(_ version: UInt16) -> String {
  switch version {
  case 0x0300: "SSL 3.0"
  case 0x0301: "TLS 1.0"
  case 0x0302: "TLS 1.1"
  case 0x0303: "TLS 1.2"
  case 0x0304: "TLS 1.3"
  case _ where ExtensionName(version).isGrease: "GREASE"
  default: hexadecimal(version)
  }
}

/// "0x0303".
package func hexadecimal(_ number: UInt16) -> String {
  "0x\(hexadecimal(UInt8(number >> 8)))\(hexadecimal(UInt8(number & 0xff)))"
}
