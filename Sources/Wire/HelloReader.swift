/// Reassembles the ClientHello from TLSPlaintext records (RFC 8446, section 5.1), however the bytes arrive.
///
/// A total function of the bytes so far: each call takes the bytes that follow those of the calls before it, touches each
/// of them once, and says where things stand. After a verdict it must not be called again.
package struct HelloReader: Sendable {
  package enum Progress: Equatable, Sendable {
    /// No error yet and no ClientHello: at least this many bytes are missing.
    case needs(atLeast: Int)
    case complete(ClientHello)
    case refused(Refusal)
  }

  private var header = RecordHeader()
  /// Bytes of the present record's fragment that are still to come.
  private var fragmentLeft = 0
  /// The handshake message as far as it has come, with its 4-byte header.
  package private(set) var message: [UInt8] = []

  /// The longest ClientHello that is read, with its 4-byte header.
  package static let longestMessage = 65_536

  package init() {}

  package mutating func read(_ bytes: Span<UInt8>) -> Progress {
    do throws(Refusal) {
      return try advance(bytes)
    } catch {
      return .refused(error)
    }
  }

  private mutating func advance(_ bytes: Span<UInt8>) throws(Refusal) -> Progress {
    var position = 0
    while position < bytes.count {
      if fragmentLeft == 0 {
        let length = try header.take(bytes[position])
        position += 1
        if let length { fragmentLeft = length }
      } else {
        if message.isEmpty { message.reserveCapacity(min(fragmentLeft, bytes.count - position)) }
        let wanted = min(fragmentLeft, missingOfMessage, bytes.count - position)
        append(bytes, position..<position + wanted)
        position += wanted
        fragmentLeft -= wanted
        try checkMessageHeader()
        if missingOfMessage == 0 { return .complete(try ClientHello(message: message)) }
      }
    }
    return .needs(atLeast: leastMissing)
  }

  private mutating func append(_ bytes: Span<UInt8>, _ range: Range<Int>) {
    message.append(addingCapacity: range.count) { end in
      for index in range { end.append(bytes[index]) }
    }
  }

  /// Bytes of the handshake message that are still to come, or of its header while that is not there.
  private var missingOfMessage: Int {
    guard message.count >= ClientHello.headerLength else { return ClientHello.headerLength - message.count }
    return messageLength - message.count
  }

  private var messageLength: Int {
    ClientHello.headerLength + (Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3]))
  }

  private func checkMessageHeader() throws(Refusal) {
    // RFC 8446, section 4.1.2: "When a client first connects to a server, it is REQUIRED to send the ClientHello as its
    // first TLS message."
    guard message[0] == HandshakeType.clientHello else { throw .unexpectedMessage(handshakeType: message[0]) }
    guard message.count >= ClientHello.headerLength else { return }
    guard messageLength <= Self.longestMessage else { throw .clientHelloTooLong(length: messageLength) }
  }

  /// The rest of the message if it came in as few records as can be, and the record headers for it.
  private var leastMissing: Int {
    if fragmentLeft > 0 {
      let beyond = max(0, missingOfMessage - fragmentLeft)
      return min(fragmentLeft, missingOfMessage) + beyond + RecordHeader.count(forFragmentsOf: beyond)
    }
    return header.missing + missingOfMessage + RecordHeader.count(forFragmentsOf: missingOfMessage)
      - RecordHeader.length
  }
}

/// The header of a TLSPlaintext record, byte by byte.
private struct RecordHeader: Sendable {
  private var taken = 0
  private var length = 0

  static let length = 5

  var missing: Int { Self.length - taken }

  /// Bytes of headers that fragments of this many bytes in all need at the least.
  static func count(forFragmentsOf bytes: Int) -> Int {
    (bytes + longestFragment - 1) / longestFragment * length
  }

  /// Takes the next byte; the fragment's length once the header is whole.
  mutating func take(_ byte: UInt8) throws(Refusal) -> Int? {
    // struct {
    //     ContentType type;
    //     ProtocolVersion legacy_record_version;
    //     uint16 length;
    //     opaque fragment[TLSPlaintext.length];
    // } TLSPlaintext;
    defer { taken = (taken + 1) % Self.length }
    switch taken {
    case 0:
      // RFC 8446, section 5.1: "Handshake messages MUST NOT be interleaved with other record types. That is, if a
      // handshake message is split over two or more records, there MUST NOT be any other records between them."
      guard byte == ContentType.handshake else { throw .unexpectedRecord(contentType: byte) }
    case 1, 2:
      // RFC 8446, section 5.1, legacy_record_version: "This field is deprecated and MUST be ignored for all purposes."
      break
    case 3:
      length = Int(byte) << 8
    default:
      length |= Int(byte)
      // RFC 8446, section 5.1: "The length MUST NOT exceed 2^14 bytes. An endpoint that receives a record that exceeds
      // this length MUST terminate the connection with a "record_overflow" alert."
      guard length <= Self.longestFragment else { throw .recordOverflow(length: length) }
      // RFC 8446, section 5.1: "Implementations MUST NOT send zero-length fragments of Handshake types, even if those
      // fragments contain padding."
      guard length > 0 else { throw .emptyRecord }
      return length
    }
    return nil
  }

  private static let longestFragment = 1 << 14
}

/// ContentType (RFC 8446, section 5.1).
private enum ContentType {
  static let handshake: UInt8 = 22
}

/// HandshakeType (RFC 8446, section 4).
private enum HandshakeType {
  static let clientHello: UInt8 = 1
}
