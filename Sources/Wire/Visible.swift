/// A text that a person may have given, on one line: what would end the line, move a cursor or reorder what is beside it
/// becomes `\xNN`, or `\u{NNNN}` beyond Latin-1.
package func visible(_ text: String) -> String {
  if text.utf8.allSatisfy({ 0x20...0x7e ~= $0 }) { return text }
  return text.unicodeScalars.reduce(into: "") { visible, scalar in
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator:
      let digits = String(scalar.value, radix: 16)
      visible += scalar.value > 0xff ? "\\u{\(digits)}" : "\\x" + (digits.count < 2 ? "0" : "") + digits
    default: visible.unicodeScalars.append(scalar)
    }
  }
}

/// The same of a text of several lines, which stay.
package func visibleLines(_ text: String) -> String {
  text.split(separator: "\n", omittingEmptySubsequences: false).map { visible(String($0)) }.joined(separator: "\n")
}
