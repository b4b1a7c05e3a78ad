/// A file's name or path as a word of a shell's command, which nothing in it can break out of, and which a terminal shows as it
/// is: in single quotes where it needs them, and as `$'...'` (bash(1), "Quoting") where it has what cannot be seen or is not
/// UTF-8. A shell that does not know that finds another word there, but one word too.
package func shellWord(_ bytes: [UInt8]) -> String {
  guard !bytes.isEmpty else { return "''" }
  if bytes.allSatisfy(isPlain) { return String(decoding: bytes, as: UTF8.self) }
  if let text = String(validating: bytes, as: UTF8.self), text.unicodeScalars.allSatisfy(isShown) {
    return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
  }
  return "$'" + bytes.map(ansiC).joined() + "'"
}

/// A path, which must not look like an option either.
package func shellPath(_ bytes: [UInt8]) -> String {
  shellWord(bytes.first == UInt8(ascii: "-") ? Array("./".utf8) + bytes : bytes)
}

/// A message as a terminal shows it: what cannot be seen, or could steer it, is escaped as in `shellWord`.
package func printable(_ message: String) -> String {
  message.unicodeScalars.map { scalar in
    scalar == "\n" || isShown(scalar) ? String(scalar) : String(scalar).utf8.map { "\\" + octal($0) }.joined()
  }.joined()
}

private func isPlain(_ byte: UInt8) -> Bool {
  switch byte {
  case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
    UInt8(ascii: "0")...UInt8(ascii: "9"),
    UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "/"), UInt8(ascii: "+"), UInt8(ascii: ","),
    UInt8(ascii: "@"), UInt8(ascii: ":"):
    true
  default: false
  }
}

/// False for what could steer a terminal, or be taken for something else.
private func isShown(_ scalar: Unicode.Scalar) -> Bool {
  // The blank of Braille is a symbol, and the fillers of Hangul are letters.
  if scalar.properties.isDefaultIgnorableCodePoint || scalar == "\u{2800}" { return false }
  if isRightToLeft(scalar) { return false }
  return switch scalar.properties.generalCategory {
  case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned, .nonspacingMark,
    .enclosingMark, .spacingMark:
    false
  case .spaceSeparator: scalar == " "
  default: true
  }
}

/// True in the blocks of scripts that are written from right to left, which would reorder what is around them.
private func isRightToLeft(_ scalar: Unicode.Scalar) -> Bool {
  switch scalar.value {
  case 0x0590...0x08ff, 0xfb1d...0xfdff, 0xfe70...0xfeff, 0x10800...0x10fff, 0x1e800...0x1efff: true
  default: false
  }
}

private func ansiC(_ byte: UInt8) -> String {
  switch byte {
  // Three octal digits cannot run into the next byte, and a quote that is not there ends nothing.
  case UInt8(ascii: "\\"), UInt8(ascii: "'"): "\\" + octal(byte)
  case 0x20...0x7e: String(Unicode.Scalar(byte))
  default: "\\" + octal(byte)
  }
}

private func octal(_ byte: UInt8) -> String {
  let digits = String(byte, radix: 8)
  return String(repeating: "0", count: 3 - digits.count) + digits
}
