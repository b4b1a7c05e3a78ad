/// In quotes, with escapes for what could steer a terminal or cannot be seen.
package func quoted(_ text: String) -> String {
  let parts = text.unicodeScalars.map { scalar in
    switch scalar.properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned:
      scalar.escaped(asASCII: true)
    default: scalar.escaped(asASCII: false)
    }
  }
  return "\"\(parts.joined())\""
}
