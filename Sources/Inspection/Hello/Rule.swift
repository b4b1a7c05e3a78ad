package import Wire

/// The sentence behind a refusal.
package struct Rule: Equatable, Sendable {
  /// The document and its section.
  package let source: String
  package let sentence: String

  fileprivate init(_ source: String, _ sentence: String) {
    self.source = source
    self.sentence = sentence
  }
}

extension Refusal {
  /// The sentence that it follows; nil where it is sniproxy's own.
  package var rule: Rule? {
    switch self {
    case .unexpectedRecord:
      Rule(
        "RFC 8446, section 5",
        "If a TLS implementation receives an unexpected record type, it MUST terminate the connection with an "
          + "\"unexpected_message\" alert.")
    case .unexpectedMessage:
      Rule(
        "RFC 8446, section 4.1.2",
        "When a client first connects to a server, it is REQUIRED to send the ClientHello as its first TLS message.")
    case .recordOverflow:
      Rule(
        "RFC 8446, section 5.1",
        "The length MUST NOT exceed 2^14 bytes. An endpoint that receives a record that exceeds this length MUST terminate "
          + "the connection with a \"record_overflow\" alert.")
    case .emptyRecord:
      Rule(
        "RFC 8446, section 5.1",
        "Implementations MUST NOT send zero-length fragments of Handshake types, even if those fragments contain padding."
      )
    case .leftover(.clientHello):
      Rule(
        "RFC 8446, section 4.1.2",
        "a server MUST check that the message either contains no data after legacy_compression_methods or that it contains a "
          + "valid extensions block with no data following. If not, then it MUST abort the handshake with a "
          + "\"decode_error\" alert.")
    case .truncated, .leftover:
      Rule(
        "RFC 8446, section 6",
        "Peers which receive a message which cannot be parsed according to the syntax (e.g., have a length extending beyond "
          + "the message boundary or contain an out-of-range length) MUST terminate the connection with a \"decode_error\" "
          + "alert.")
    case .lengthOutOfRange(.protocolName, 0):
      Rule("RFC 7301, section 3.1", "Empty strings MUST NOT be included and byte strings MUST NOT be truncated.")
    case .lengthOutOfRange, .clientHelloTooLong:
      Rule(
        "RFC 8446, section 6.2, decode_error",
        "A message could not be decoded because some field was out of the specified range or the length of the message was "
          + "incorrect.")
    case .repeatedExtension:
      Rule(
        "RFC 8446, section 4.2",
        "There MUST NOT be more than one extension of the same type in a given extension block.")
    case .repeatedNameType:
      Rule("RFC 6066, section 3", "The ServerNameList MUST NOT contain more than one name of the same name_type.")
    case .preSharedKeyNotLast:
      Rule(
        "RFC 8446, section 4.2.11",
        "The \"pre_shared_key\" extension MUST be the last extension in the ClientHello [...]. Servers MUST check that it is "
          + "the last extension and otherwise fail the handshake with an \"illegal_parameter\" alert.")
    case .noServerName:
      Rule(
        "RFC 8446, section 9.2",
        "Servers requiring this extension SHOULD respond to a ClientHello lacking a \"server_name\" extension by terminating "
          + "the connection with a \"missing_extension\" alert.")
    case .illegalName(let flaw): flaw.rule
    case .unknownName, .noSocket, .noPermission, .socketOfAnother, .severalOwners, .openToAll:
      Rule(
        "RFC 8446, section 6.2, unrecognized_name",
        "Sent by servers when no server exists identified by the name provided by the client via the \"server_name\" extension"
      )
    case .lookUpFailed, .backendRefused, .backendTimedOut, .backendFailed, .hostLimit, .outOfResources:
      Rule(
        "RFC 8446, section 6.2, internal_error",
        "An internal error unrelated to the peer or the correctness of the protocol (such as a memory allocation failure) "
          + "makes it impossible to continue.")
    case .clientLimit, .helloLimit, .helloTimedOut, .hungUp: nil
    }
  }
}

extension HostName.Flaw {
  fileprivate var rule: Rule? {
    switch self {
    case .trailingDot:
      Rule(
        "RFC 6066, section 3",
        "The hostname is represented as a byte string using ASCII encoding without a trailing dot.")
    case .numericLastLabel:
      Rule("RFC 6066, section 3", "Literal IPv4 and IPv6 addresses are not permitted in \"HostName\".")
    case .illegalByte(let byte) where byte >= 0x80:
      Rule(
        "RFC 6066, section 3",
        "The hostname is represented as a byte string using ASCII encoding without a trailing dot.")
    case .emptyLabel, .labelTooLong:
      Rule("RFC 1034, section 3.1", "Each node has a label, which is zero to 63 octets in length.")
    case .empty, .tooLong, .hyphenAtEdge, .illegalByte:
      Rule(
        "RFC 8446, section 6.2, unrecognized_name",
        "Sent by servers when no server exists identified by the name provided by the client via the \"server_name\" extension"
      )
    }
  }
}

/// Two digits.
func hexadecimal(_ byte: UInt8) -> String { (byte < 16 ? "0" : "") + String(byte, radix: 16) }
