import CICU

/// The ASCII form of an international name by UTS #46, "Unicode IDNA Compatibility Processing", as browsers have it.
///
/// The lengths of names and labels and the place of hyphens are not judged here.
package func toASCII(_ name: String) throws(InternationalFlaw) -> [UInt8] {
  let conversion = try Conversion(name)
  for (bit, flaw) in flaws where conversion.has(bit) { throw flaw }
  if conversion.has(UIDNA_ERROR_DISALLOWED) { throw .disallowed(try firstDisallowed(name)) }
  guard conversion.length <= Conversion.room else { throw .tooLong(conversion.length) }
  return conversion.ascii
}

/// Why a name has no ASCII form.
package enum InternationalFlaw: Error, Equatable {
  /// Nil if only what several characters compose is disallowed.
  case disallowed(Unicode.Scalar?)
  case combiningMarkFirst
  case notPunycode
  case dotInPunycode
  case notCanonical
  case directionsMixed
  case joinerMisplaced
  case tooLong(Int)
  /// Not the name's fault: ICU has no memory or no data.
  case unavailable(String)
}

private func firstDisallowed(_ name: String) throws(InternationalFlaw) -> Unicode.Scalar? {
  for scalar in name.unicodeScalars where try Conversion("a\(scalar)").has(UIDNA_ERROR_DISALLOWED) { return scalar }
  return nil
}

/// `UIDNA_ERROR_EMPTY_LABEL`, `_LABEL_TOO_LONG`, `_DOMAIN_NAME_TOO_LONG` and those of hyphens are for `HostName` to tell.
private let flaws: [(Int, InternationalFlaw)] = [
  (UIDNA_ERROR_PUNYCODE, .notPunycode),
  (UIDNA_ERROR_LABEL_HAS_DOT, .dotInPunycode),
  (UIDNA_ERROR_INVALID_ACE_LABEL, .notCanonical),
  (UIDNA_ERROR_LEADING_COMBINING_MARK, .combiningMarkFirst),
  (UIDNA_ERROR_BIDI, .directionsMixed),
  (UIDNA_ERROR_CONTEXTJ, .joinerMisplaced),
]

/// What ICU makes of a name.
private struct Conversion {
  let ascii: [UInt8]
  /// Of the ASCII form, also where that is not all here.
  let length: Int
  private let errors: UInt32

  /// More than a legal name takes, so that `HostName` tells the length of one that is a little too long.
  static let room = 1024

  init(_ name: String) throws(InternationalFlaw) {
    var ascii: [CChar] = Array(repeating: 0, count: Self.room)
    var errors: UInt32 = 0
    var status = U_ZERO_ERROR
    length = Int(
      unsafe name.utf8CString.withUnsafeBufferPointer { name in
        unsafe ascii.withUnsafeMutableBufferPointer { ascii in
          unsafe icu_name_to_ascii(
            name.baseAddress!, Int32(name.count - 1), ascii.baseAddress!, Int32(ascii.count), &errors, &status)
        }
      })
    guard status.rawValue <= U_ZERO_ERROR.rawValue || status == U_BUFFER_OVERFLOW_ERROR else {
      throw .unavailable(unsafe String(cString: icu_error_name(status)))
    }
    self.ascii = ascii.prefix(length).map { UInt8(bitPattern: $0) }
    self.errors = errors
  }

  func has(_ error: Int) -> Bool { errors & UInt32(error) != 0 }
}
