extension Refusal {
  /// Which refusal it is, without what it found: so many that each can be counted.
  package enum Kind: Int, CaseIterable, Sendable {
    case unexpectedRecord, unexpectedMessage, recordOverflow, emptyRecord, clientHelloTooLong
    case truncated, lengthOutOfRange, leftover
    case repeatedExtension, repeatedNameType, preSharedKeyNotLast
    case noServerName, illegalName, unknownName, noSocket, noPermission, lookUpFailed
    case socketOfAnother, severalOwners, openToAll
    case backendRefused, backendTimedOut, backendFailed
    case clientLimit, hostLimit, helloLimit
    case outOfResources
    case helloTimedOut, hungUp
  }

  package var kind: Kind {
    switch self {
    case .unexpectedRecord: .unexpectedRecord
    case .unexpectedMessage: .unexpectedMessage
    case .recordOverflow: .recordOverflow
    case .emptyRecord: .emptyRecord
    case .clientHelloTooLong: .clientHelloTooLong
    case .truncated: .truncated
    case .lengthOutOfRange: .lengthOutOfRange
    case .leftover: .leftover
    case .repeatedExtension: .repeatedExtension
    case .repeatedNameType: .repeatedNameType
    case .preSharedKeyNotLast: .preSharedKeyNotLast
    case .noServerName: .noServerName
    case .illegalName: .illegalName
    case .unknownName: .unknownName
    case .noSocket: .noSocket
    case .noPermission: .noPermission
    case .lookUpFailed: .lookUpFailed
    case .socketOfAnother: .socketOfAnother
    case .severalOwners: .severalOwners
    case .openToAll: .openToAll
    case .backendRefused: .backendRefused
    case .backendTimedOut: .backendTimedOut
    case .backendFailed: .backendFailed
    case .clientLimit: .clientLimit
    case .hostLimit: .hostLimit
    case .helloLimit: .helloLimit
    case .outOfResources: .outOfResources
    case .helloTimedOut: .helloTimedOut
    case .hungUp: .hungUp
    }
  }
}

extension Refusal.Kind {
  /// Its name for programs, which stays the same from one version to the next.
  package var key: String {
    switch self {
    case .unexpectedRecord: "unexpected_record"
    case .unexpectedMessage: "unexpected_message"
    case .recordOverflow: "record_overflow"
    case .emptyRecord: "empty_record"
    case .clientHelloTooLong: "client_hello_too_long"
    case .truncated: "truncated"
    case .lengthOutOfRange: "length_out_of_range"
    case .leftover: "leftover"
    case .repeatedExtension: "repeated_extension"
    case .repeatedNameType: "repeated_name_type"
    case .preSharedKeyNotLast: "pre_shared_key_not_last"
    case .noServerName: "no_server_name"
    case .illegalName: "illegal_name"
    case .unknownName: "unknown_name"
    case .noSocket: "no_socket"
    case .noPermission: "no_permission"
    case .lookUpFailed: "look_up_failed"
    case .socketOfAnother: "socket_of_another"
    case .severalOwners: "several_owners"
    case .openToAll: "open_to_all"
    case .backendRefused: "backend_refused"
    case .backendTimedOut: "backend_timed_out"
    case .backendFailed: "backend_failed"
    case .clientLimit: "client_limit"
    case .hostLimit: "host_limit"
    case .helloLimit: "hello_limit"
    case .outOfResources: "out_of_resources"
    case .helloTimedOut: "hello_timed_out"
    case .hungUp: "hung_up"
    }
  }

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
