/// A server name of the legal form, in lower case. Once there is one, a path traversal cannot be written down.
package struct HostName: Hashable, Sendable {
  /// ASCII: labels of `a-z 0-9 - _` with dots between them.
  package let bytes: [UInt8]

  /// Why a name is none.
  package enum Flaw: Error, Equatable, Sendable {
    case empty
    case tooLong(Int)
    case emptyLabel
    case trailingDot
    case labelTooLong(Int)
    case hyphenAtEdge
    case illegalByte(UInt8)
    case numericLastLabel
  }

  /// Checks a name as a client sent it, and turns it to lower case.
  package init(_ raw: ArraySlice<UInt8>) throws(Flaw) {
    guard let last = raw.last else { throw .empty }
    // RFC 1035, section 2.3.4: names have 255 octets or less on the wire, so 253 without the root and first length.
    guard raw.count <= 253 else { throw .tooLong(raw.count) }
    // RFC 6066, section 3: "The hostname is represented as a byte string using ASCII encoding without a trailing dot."
    guard last != UInt8(ascii: ".") else { throw .trailingDot }
    var name: [UInt8] = []
    name.reserveCapacity(raw.count)
    for byte in raw {
      switch byte {
      // RFC 6066, section 3: "DNS hostnames are case-insensitive."
      case UInt8(ascii: "A")...UInt8(ascii: "Z"): name.append(byte | 0x20)
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
        UInt8(ascii: "_"), UInt8(ascii: "."):
        name.append(byte)
      default: throw .illegalByte(byte)
      }
    }
    try Self.checkLabels(name)
    bytes = name
  }

  private static func checkLabels(_ name: [UInt8]) throws(Flaw) {
    var start = 0
    while true {
      let end = name[start...].firstIndex(of: UInt8(ascii: ".")) ?? name.count
      let label = name[start..<end]
      // RFC 1034, section 3.1: "Each node has a label, which is zero to 63 octets in length" and the null label is the
      // root's alone.
      guard !label.isEmpty else { throw .emptyLabel }
      guard label.count <= 63 else { throw .labelTooLong(label.count) }
      // RFC 952, as RFC 1123, section 2.1, amends it: a label does not begin or end with a hyphen. The underscore is in
      // no hostname there, but in names that people use.
      guard label.first != UInt8(ascii: "-"), label.last != UInt8(ascii: "-") else { throw .hyphenAtEdge }
      guard end < name.count else {
        // RFC 6066, section 3: "Literal IPv4 and IPv6 addresses are not permitted in "HostName"." RFC 1123, section 2.1:
        // "the highest-level component label will be alphabetic."
        guard !label.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }) else {
          throw .numericLastLabel
        }
        return
      }
      start = end + 1
    }
  }
}

extension HostName: CustomStringConvertible {
  package var description: String { String(decoding: bytes, as: UTF8.self) }
}
