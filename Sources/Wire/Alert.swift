/// AlertDescription (RFC 8446, section 6), as far as a router has a use for it.
package enum Alert: UInt8, Sendable {
  case unexpectedMessage = 10
  case recordOverflow = 22
  case illegalParameter = 47
  case decodeError = 50
  case internalError = 80
  case missingExtension = 109
  case unrecognizedName = 112

  /// The fatal alert in a record of its own (RFC 8446, sections 5.1 and 6): type alert, version 0x0303, length 2, level
  /// fatal, the description.
  package var record: [UInt8] { [21, 0x03, 0x03, 0, 2, 2, rawValue] }
}
