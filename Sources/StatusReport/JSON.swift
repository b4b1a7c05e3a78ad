/// A JSON value (RFC 8259) whose members keep their order.
package enum JSON {
  case object([(String, JSON)])
  case array([JSON])
  case text(String)
  case count(UInt64)
  /// Null where it is not finite.
  case number(Double)
  case bool(Bool)
  case null

  /// Members and elements that hold others get lines of their own.
  package var description: String {
    var text = ""
    write(to: &text, indent: 0)
    return text
  }

  private func write(to text: inout String, indent: Int) {
    switch self {
    case .object(let members):
      list("{", "}", members, isFlat: members.allSatisfy { $0.1.isSingle }, &text, indent) { member, text in
        text += "\(quoted(member.0)): "
        member.1.write(to: &text, indent: indent + 1)
      }
    case .array(let elements):
      list("[", "]", elements, isFlat: elements.allSatisfy(\.isSingle), &text, indent) { element, text in
        element.write(to: &text, indent: indent + 1)
      }
    case .text(let string): text += quoted(string)
    case .count(let count): text += "\(count)"
    case .number(let number): text += number.isFinite ? plain(number) : "null"
    case .bool(let bool): text += "\(bool)"
    case .null: text += "null"
    }
  }

  private var isSingle: Bool {
    switch self {
    case .object, .array: false
    default: true
    }
  }

  private func list<Element>(
    _ open: String, _ close: String, _ elements: [Element], isFlat: Bool, _ text: inout String, _ indent: Int,
    _ write: (Element, inout String) -> Void
  ) {
    let isShort = isFlat && elements.count <= Self.longestFlat
    let margin = String(repeating: "  ", count: indent)
    text += open
    for (index, element) in elements.enumerated() {
      if index > 0 { text += "," }
      text += isShort ? (index > 0 ? " " : "") : "\n\(margin)  "
      write(element, &text)
    }
    text += isShort || elements.isEmpty ? close : "\n\(margin)\(close)"
  }

  private static let longestFlat = 4
}

/// RFC 8259, section 7: "All Unicode characters may be placed within the quotation marks, except for the characters that
/// MUST be escaped: quotation mark, reverse solidus, and the control characters (U+0000 through U+001F)."
private func quoted(_ string: String) -> String {
  var text = "\""
  for scalar in string.unicodeScalars {
    switch scalar {
    case "\"", "\\": text += "\\\(scalar)"
    case "\u{0}"..."\u{1f}":
      let hex = String(scalar.value, radix: 16)
      text += "\\u\(String(repeating: "0", count: 4 - hex.count))\(hex)"
    default: text.unicodeScalars.append(scalar)
    }
  }
  return text + "\""
}
