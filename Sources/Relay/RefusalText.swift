import Kernel
package import Wire

// What refusals are to people: the words of the log, and of whoever explains it.

extension Refusal {
  /// What becomes of the client, and why.
  package var text: String {
    guard let alert else { return "closed: \(reason)" }
    return "refused with alert \(alert.rawValue): \(reason)"
  }

  package var reason: String {
    switch self {
    case .unexpectedRecord(let type): "a record of type \(type) instead of a TLS handshake"
    case .unexpectedMessage(let type): "a handshake message of type \(type) instead of a ClientHello"
    case .recordOverflow(let length): "a record of \(length) bytes is longer than 2^14"
    case .emptyRecord: "an empty handshake record"
    case .clientHelloTooLong(let length):
      "a ClientHello of \(length) bytes is longer than \(HelloReader.longestMessage)"
    case .truncated(let field): "\(field.text) ends before its length"
    case .lengthOutOfRange(let field, let length): "\(field.text) has the illegal length \(length)"
    case .leftover(let field): "\(field.text) has bytes left over"
    case .repeatedExtension(let type): "extension \(type) appears twice"
    case .repeatedNameType(let type): "server_name has two names of type \(type)"
    case .preSharedKeyNotLast: "pre_shared_key is not the last extension"
    case .noServerName: "no server name"
    case .illegalName(let flaw): "no legal server name: \(flaw.text)"
    case .unknownName: "no such entry in the hosts directory"
    case .noSocket: "no tls-socket in the host directory, nor a tls-handoff that can take this client"
    case .noPermission:
      "no permission: the proxy needs search permission on the host directory and write permission on its tls-socket and tls-handoff"
    case .lookUpFailed(let code): "look-up failed: \(Errno(code))"
    case .socketOfAnother(let user):
      "user \(user) has a say in where this name leads, and neither owns the socket nor listens on it"
    case .severalOwners(let users):
      "users \(users.map(String.init).joined(separator: ", ")) all have a say in where this name leads"
    case .openToAll:
      "this name leads through a directory that anybody may change: world-writable without the sticky bit"
    case .backendRefused(let socket): "nobody listens on \(socket.name)"
    case .backendTimedOut(.relay): "the backend did not accept in time: its backlog is full"
    case .backendTimedOut(.handoff):
      "tls-handoff had no room in time: its backlog is full, or too many clients of this directory wait to be taken there"
    case .backendFailed(.relay, let code): "connecting to tls-socket failed: \(Errno(code))"
    case .backendFailed(.handoff, let code): "handing over to tls-handoff failed: \(Errno(code))"
    case .clientLimit: "the client has as many connections as --max-per-client allows"
    case .hostLimit: "the host has as many connections as --max-per-host allows"
    case .helloLimit: "the oldest of too many unfinished ClientHellos"
    case .outOfResources(let code): "out of resources: \(Errno(code))"
    case .helloTimedOut: "no complete ClientHello in time"
    case .hungUp: "the client hung up first"
    }
  }
}

extension Field {
  fileprivate var text: String {
    switch self {
    case .clientHello: "ClientHello"
    case .legacyVersion: "legacy_version"
    case .random: "random"
    case .legacySessionID: "legacy_session_id"
    case .cipherSuites: "cipher_suites"
    case .legacyCompressionMethods: "legacy_compression_methods"
    case .extensions: "extensions"
    case .extension(let type): "extension \(type)"
    case .serverNameList: "server_name_list"
    case .serverName: "a name in server_name_list"
    case .protocolNameList: "protocol_name_list"
    case .protocolName: "a name in protocol_name_list"
    }
  }
}

extension HostName.Flaw {
  fileprivate var text: String {
    switch self {
    case .empty: "it is empty"
    case .tooLong(let length): "\(length) bytes are more than 253"
    case .emptyLabel: "it has an empty label"
    case .trailingDot: "it ends with a dot"
    case .labelTooLong(let length): "a label of \(length) bytes is longer than 63"
    case .hyphenAtEdge: "a label begins or ends with a hyphen"
    case .illegalByte(let byte): "it has the byte \(escaped([byte]))"
    case .numericLastLabel: "its last label is a number, as in an address"
    }
  }
}
