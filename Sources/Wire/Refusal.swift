/// Why a client is not served: precise for the log. What the wire shows of it is its `alert`.
package enum Refusal: Error, Equatable, Sendable {
  // Records and handshake framing
  case unexpectedRecord(contentType: UInt8)
  case unexpectedMessage(handshakeType: UInt8)
  case recordOverflow(length: Int)
  case emptyRecord
  case clientHelloTooLong(length: Int)

  // The grammar of the ClientHello
  case truncated(Field)
  case lengthOutOfRange(Field, Int)
  case leftover(Field)

  // Well-formed, but forbidden
  case repeatedExtension(UInt16)
  case repeatedNameType(UInt8)
  case preSharedKeyNotLast

  // The name and its entry in the hosts directory
  case noServerName
  case illegalName(HostName.Flaw)
  case unknownName
  case noSocket
  case noPermission
  case lookUpFailed(code: Int32)

  // Who has a say in where a delegated name leads, by user id
  case socketOfAnother(than: UInt32)
  case severalOwners([UInt32])
  case openToAll

  // The backend
  case backendRefused
  case backendTimedOut
  case backendFailed(code: Int32)

  // Fair shares
  case clientLimit
  case hostLimit
  case helloLimit

  // This machine
  case outOfResources(code: Int32)

  // The client was too slow, or left
  case helloTimedOut
  case hungUp
}

/// A part of the ClientHello, by the name that RFC 8446, RFC 6066 or RFC 7301 gives it.
package enum Field: Equatable, Sendable {
  case clientHello
  case legacyVersion
  case random
  case legacySessionID
  case cipherSuites
  case legacyCompressionMethods
  case extensions
  case `extension`(UInt16)
  case serverNameList
  case serverName
  case protocolNameList
  case protocolName
}

extension Refusal {
  /// The one table from reasons to alerts; nil where the connection is closed without one.
  package var alert: Alert? {
    switch self {
    // RFC 8446, section 5: "If a TLS implementation receives an unexpected record type, it MUST terminate the connection
    // with an "unexpected_message" alert."
    case .unexpectedRecord, .unexpectedMessage: .unexpectedMessage
    // RFC 8446, section 5.1: "An endpoint that receives a record that exceeds this length MUST terminate the connection
    // with a "record_overflow" alert."
    case .recordOverflow: .recordOverflow
    case .emptyRecord, .clientHelloTooLong, .truncated, .lengthOutOfRange, .leftover: .decodeError
    // RFC 8446, section 6.2, illegal_parameter: "A field in the handshake was incorrect or inconsistent with other
    // fields. This alert is used for errors which conform to the formal protocol syntax but are otherwise incorrect."
    case .repeatedExtension, .repeatedNameType, .preSharedKeyNotLast: .illegalParameter
    // RFC 8446, section 9.2: "Servers MAY require clients to send a valid "server_name" extension. Servers requiring
    // this extension SHOULD respond to a ClientHello lacking a "server_name" extension by terminating the connection
    // with a "missing_extension" alert."
    case .noServerName: .missingExtension
    // RFC 8446, section 6.2, unrecognized_name: "Sent by servers when no server exists identified by the name provided
    // by the client via the "server_name" extension".
    case .illegalName, .unknownName, .noSocket, .noPermission, .socketOfAnother, .severalOwners, .openToAll:
      .unrecognizedName
    // RFC 8446, section 6.2, internal_error: "An internal error unrelated to the peer or the correctness of the
    // protocol (such as a memory allocation failure) makes it impossible to continue."
    case .lookUpFailed, .backendRefused, .backendTimedOut, .backendFailed, .hostLimit, .outOfResources: .internalError
    case .helloTimedOut, .hungUp, .clientLimit, .helloLimit: nil
    }
  }
}
