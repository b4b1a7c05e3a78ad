package import Wire

extension HostName {
  /// The hostname that a person means: in any script and case, with or without a trailing dot.
  package init(written name: String) throws(Mistake) {
    var bytes = Array(name.utf8)
    if !bytes.allSatisfy({ $0 < 0x80 }) {
      do throws(InternationalFlaw) {
        bytes = try toASCII(name)
      } catch {
        throw .international(error)
      }
    }
    let isConverted = bytes != Array(name.utf8)
    if bytes.last == UInt8(ascii: ".") { bytes.removeLast() }
    do throws(Flaw) {
      try self.init(bytes[...])
    } catch {
      throw .form(error, of: isConverted ? bytes : nil)
    }
  }
}

/// Why what a person wrote is no hostname, and what to do about it.
package enum Mistake: Error, CustomStringConvertible {
  case notUTF8
  case international(InternationalFlaw)
  /// With the ASCII form where that is not what was written.
  case form(HostName.Flaw, of: [UInt8]?)

  package var description: String {
    switch self {
    case .notUTF8: "no hostname: it is not UTF-8: write it in a UTF-8 terminal, or as xn-- labels"
    case .international(let flaw) where !isOfName: "cannot convert: \(flaw.advice)"
    case .international(let flaw): "no hostname: \(flaw.advice)"
    case .form(.tooLong(let count), .some): "no hostname: \(InternationalFlaw.tooLong(count).advice)"
    case .form(let flaw, let ascii?):
      "no hostname: as \(quoted(String(decoding: ascii, as: UTF8.self))), \(flaw.advice)"
    case .form(let flaw, nil): "no hostname: \(flaw.advice)"
    }
  }

  /// False if the machine is at fault, and not the name.
  package var isOfName: Bool { if case .international(.unavailable) = self { false } else { true } }
}

extension HostName.Flaw {
  fileprivate var advice: String {
    switch self {
    case .empty: "it is empty: give a name such as www.example.com"
    case .tooLong(let count): "it has \(count) bytes: shorten it to 253"
    case .emptyLabel: "nothing is between two dots, or before the first: leave the extra dot out"
    case .trailingDot: "it ends with more than one dot: leave the dots out"
    case .labelTooLong(let count): "a label has \(count) bytes: shorten it to 63"
    case .hyphenAtEdge: "a label starts or ends with a hyphen: leave the hyphen out"
    case .illegalByte(UInt8(ascii: "*")): "there are no wildcards: give each name its own entry"
    case .illegalByte(UInt8(ascii: ":")), .illegalByte(UInt8(ascii: "/")):
      "it has a colon or a slash: give the name alone, without scheme, port or path"
    case .illegalByte(let byte): "it has \(quoted("\(Unicode.Scalar(byte))")): use letters, digits, - and _ only"
    case .numericLastLabel: "it ends like an IP address, which no client sends as a server name: give a name"
    }
  }
}

extension InternationalFlaw {
  fileprivate var advice: String {
    switch self {
    case .disallowed(let scalar?): "it has \(quoted("\(scalar)")) (\(codePoint(scalar))), which no name may have"
    case .disallowed(nil): "it has characters that no name may have"
    case .combiningMarkFirst: "a label starts with a combining mark: put a letter before it"
    case .notPunycode: "a label after xn-- is no Punycode: write the label in Unicode"
    case .dotInPunycode: "a label after xn-- stands for a dot: write the name in Unicode"
    case .notCanonical: "a label after xn-- is not as it is made from Unicode: write the label in Unicode"
    case .directionsMixed: "it mixes directions of writing in a way that RFC 5893 forbids"
    case .joinerMisplaced: "a zero-width joiner stands where RFC 5892, appendix A, forbids it: leave the joiner out"
    case .tooLong(let count): "as xn-- labels it has \(count) bytes: shorten it to 253"
    case .unavailable(let error): "ICU failed: \(error)"
    }
  }
}

private func codePoint(_ scalar: Unicode.Scalar) -> String {
  let hex = String(scalar.value, radix: 16, uppercase: true)
  return "U+\(String(repeating: "0", count: max(0, 4 - hex.count)))\(hex)"
}
