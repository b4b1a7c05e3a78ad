import Kernel
import Relay
import Status
import Wire

/// What events and refusals say in the log.
extension Event {
  var text: String {
    switch self {
    case .refused(let client, let refusal, let request):
      "\(client): \(request.serverName.map { "\($0): " } ?? "")\(refusal.text)"
    case .finished(let account): account.text
    case .atLimit(let limit): "accept: paused: \(limit) connections are open, see --max-connections"
    case .acceptFailed(let error): "accept: paused for a moment: \(error)"
    case .sessionFailed(let error): "relay: a connection was cut: \(error)"
    case .workerFailed(let error): "worker: ended: \(error)"
    }
  }
}

extension Ledger.Failure {
  func text(_ path: String) -> String {
    let file = escaped(Array(path.utf8))
    return switch self {
    case .system(let step, let error):
      "--status \(file): cannot \(step): \(error): running without it. \(Self.advice(error))"
    case .placeIsTaken:
      "--status \(file): something else is there: running without it. Remove that, or name another file"
    }
  }

  private static func advice(_ error: Errno) -> String {
    switch error {
    case .invalidArgument: "Name a file, and not a directory"
    case .nameTooLong: "Name a file with a shorter name"
    case .noSuchFileOrDirectory, .notDirectory: "Name a file in a directory that is there"
    case .permissionDenied, .readOnly, .notPermitted: "Name a file in a directory that the proxy may write to"
    case .tooLarge: "Raise the limit of the size of files (LimitFSIZE=, ulimit -f)"
    case _ where error.isShortage: "Make room, or name a file elsewhere, such as below /run"
    default: "Name a file elsewhere, such as below /run"
    }
  }
}

extension Lock.Gap {
  var level: Log.Level {
    if case .fileRights = self { .notice } else { .warning }
  }

  var text: String {
    switch self {
    case .privileges(let error): "lock: privileges cannot be given up: \(error)"
    case .files(let error): "lock: no Landlock, only the filter of system calls keeps files closed: \(error)"
    case .fileRights(let names): "lock: this kernel's Landlock does not forbid to \(names.joined(separator: ", "))"
    case .calls(let error): "lock: no filter of system calls: \(error)"
    }
  }
}

extension Refusal {
  var text: String {
    guard let alert else { return "closed: \(reason)" }
    return "refused with alert \(alert.rawValue): \(reason)"
  }

  private var reason: String {
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
    case .noSocket: "no tls-socket in the host directory"
    case .noPermission:
      "no permission: the proxy needs search permission on the host directory and write permission on the socket"
    case .lookUpFailed(let code): "look-up failed: \(Errno(code))"
    case .socketOfAnother(let user):
      "user \(user) has a say in where this name leads, and neither owns the socket nor listens on it"
    case .severalOwners(let users):
      "users \(users.map(String.init).joined(separator: ", ")) all have a say in where this name leads"
    case .openToAll:
      "this name leads through a directory that anybody may change: world-writable without the sticky bit"
    case .backendRefused(let socket): "nobody listens on \(socket.name)"
    case .backendTimedOut: "the backend did not accept in time: its backlog is full"
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
  var text: String {
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
  var text: String {
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
