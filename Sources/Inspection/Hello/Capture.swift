/// The bytes of a client as somebody captured them.
package struct Capture {
  package enum Flaw: Error, Equatable {
    case empty
    /// A whole capture of packets.
    case packets
    /// Hexadecimal digits with offsets beside them, or an odd number of digits.
    case dump
  }

  /// What the client sent, from the first byte of the connection on.
  package let bytes: [UInt8]
  /// True if they were written in hexadecimal.
  package let wasHexadecimal: Bool

  /// More than the longest ClientHello takes, in records of one byte.
  package static let longest = 512 << 10
  /// In hexadecimal, with room for spaces.
  package static let longestText = 4 * longest

  /// Takes the bytes themselves, or their hexadecimal digits, also with white space and colons between them.
  package init(_ file: [UInt8]) throws(Flaw) {
    guard !file.isEmpty else { throw .empty }
    for magic: [UInt8] in [[0xd4, 0xc3, 0xb2, 0xa1], [0xa1, 0xb2, 0xc3, 0xd4], [0x0a, 0x0d, 0x0d, 0x0a]] {
      if file.starts(with: magic) { throw .packets }
    }
    let digits = Self.digits(file)
    if Self.isDump(file) { throw .dump }
    wasHexadecimal = digits != nil
    bytes = Array((digits ?? file).prefix(Self.longest))
  }

  /// True of what xxd(1), hexdump(1) and od(1) print: the first offset is nothing but zeros. Also of digits of which one is
  /// missing.
  private static func isDump(_ text: [UInt8]) -> Bool {
    let zeros = text.prefix { $0 == UInt8(ascii: "0") }.count
    if zeros >= 6, zeros < text.count, [UInt8(ascii: ":"), UInt8(ascii: " ")].contains(text[zeros]) { return true }
    return digits(text + [UInt8(ascii: "0")]) != nil
  }

  /// nil if they are not all there is. No ClientHello is text: its first byte is 22.
  private static func digits(_ text: [UInt8]) -> [UInt8]? {
    var bytes: [UInt8] = []
    var high: UInt8?
    for character in text {
      let digit: UInt8
      switch character {
      case UInt8(ascii: "0")...UInt8(ascii: "9"): digit = character - UInt8(ascii: "0")
      case UInt8(ascii: "a")...UInt8(ascii: "f"): digit = character - UInt8(ascii: "a") + 10
      case UInt8(ascii: "A")...UInt8(ascii: "F"): digit = character - UInt8(ascii: "A") + 10
      case UInt8(ascii: " "), UInt8(ascii: "\n"), UInt8(ascii: "\r"), UInt8(ascii: "\t"), UInt8(ascii: ":"): continue
      default: return nil
      }
      if let first = high {
        bytes.append(first << 4 | digit)
        high = nil
      } else {
        high = digit
      }
    }
    return high == nil && !bytes.isEmpty ? bytes : nil
  }
}
