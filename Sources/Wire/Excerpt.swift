/// The beginning of what a client sent, for whoever writes it down.
package struct Excerpt: Sendable, Equatable {
  package let bytes: [UInt8]
  /// How long the whole is.
  package let wholeCount: Int

  package init(_ whole: ArraySlice<UInt8>) {
    bytes = Array(whole.prefix(Self.longest))
    wholeCount = whole.count
  }

  /// Longer than every legal name.
  package static let longest = 300
}

extension Excerpt: CustomStringConvertible {
  /// Escaped; what was left out is told after a backslash that no `x` follows.
  package var description: String {
    escaped(bytes) + (wholeCount > bytes.count ? "\\...(\(wholeCount)_bytes)" : "")
  }
}

/// Bytes of a client as something that cannot end a line, forge a field or an element of a list, or move a cursor: printable
/// ASCII stays, and `\`, `"`, `=`, the comma, the space and all else become `\xNN`. So does a lone `-`, which stands for
/// nothing.
package func escaped(_ bytes: some Collection<UInt8>) -> String {
  if bytes.elementsEqual([UInt8(ascii: "-")]) { return hexadecimal(UInt8(ascii: "-")) }
  var text = ""
  for byte in bytes {
    switch byte {
    case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "="), UInt8(ascii: ","): text += hexadecimal(byte)
    case 0x21...0x7e: text.unicodeScalars.append(Unicode.Scalar(byte))
    default: text += hexadecimal(byte)
    }
  }
  return text
}

private func hexadecimal(_ byte: UInt8) -> String {
  (byte < 16 ? "\\x0" : "\\x") + String(byte, radix: 16)
}
