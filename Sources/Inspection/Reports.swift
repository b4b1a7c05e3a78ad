import Kernel
package import Wire

// What findings and reports are to people and to scripts.

extension Verdict {
  /// The word that scripts tell it by.
  package var word: String {
    switch self {
    case .served: "served"
    case .waits: "waits"
    case .refused: "refused"
    case .unreachable: "unreachable"
    case .unknown: "not-connected"
    }
  }
}

extension Alert {
  /// As RFC 8446, section 6, calls it.
  package var name: String {
    switch self {
    case .unexpectedMessage: "unexpected_message"
    case .recordOverflow: "record_overflow"
    case .illegalParameter: "illegal_parameter"
    case .decodeError: "decode_error"
    case .internalError: "internal_error"
    case .missingExtension: "missing_extension"
    case .unrecognizedName: "unrecognized_name"
    }
  }
}

extension Finding {
  package var json: JSON {
    .object([
      ("severity", .string(severity.rawValue)), ("code", .string(code.rawValue)), ("text", .string(text)),
      ("mends", .array(mends.map { .string($0) })),
    ])
  }
}

extension EntryReport {
  /// What becomes of a client, in few words.
  package var summary: String {
    switch verdict {
    case .served: "\(findings.contains { $0.code == .leavesTree } ? "ok outside a chroot" : "ok"): \(destination)"
    case .unknown: "not connected: \(destination)"
    case .waits: "clients wait"
    case .unreachable: isIgnored ? "ignored" : "no client can ask for it"
    case .refused:
      (isReserved ? "reserved: " : "")
        + (verdict.alert.map { "clients get alert \($0.rawValue) \($0.name)" } ?? "clients are closed")
    }
  }

  private var destination: String {
    guard isHandedOver else { return Self.relay(to: socket, header) }
    return "clients are handed over to \(Self.word(socket)), others " + (others ?? "relayed")
  }

  /// What becomes of who cannot be handed over.
  private var others: String? {
    guard let relayed else { return nil }
    return switch relayed.verdict {
    case .refused(let refusal): refusal.alert.map { "get alert \($0.rawValue) \($0.name)" } ?? "are closed"
    case .waits: "wait"
    case .served, .unknown, .unreachable: "are relayed to \(Self.relay(to: relayed.socket, header))"
    }
  }

  private static func word(_ socket: [UInt8]?) -> String { socket.map { shellWord($0) } ?? "its backend" }

  private static func relay(to socket: [UInt8]?, _ header: ProxyHeader?) -> String {
    switch header {
    case .version1: "\(word(socket)), with a PROXY header of version 1"
    case .version2: "\(word(socket)), with a PROXY header of version 2"
    case nil: word(socket)
    }
  }

  package var json: JSON {
    var members: [(String, JSON)] = [
      ("entry", .string(shellWord(entry))),
      ("entry_hex", .string(entry.map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined())),
      ("name", JSON(host?.description)), ("verdict", .string(verdict.word)),
      ("alert", JSON(verdict.alert.map { Int($0.rawValue) })), ("alert_name", JSON(verdict.alert?.name)),
      ("proxy_header", JSON(header.map { $0 == .version1 ? 1 : 2 })), ("socket", JSON(socket.map { shellWord($0) })),
      ("handed_over", .bool(isHandedOver)), ("relayed", relayed?.json ?? .null),
      ("leaves_tree", .bool(leavesTree)), ("findings", .array(findings.map(\.json))),
    ]
    if let certificate { members.append(("certificate", certificate)) }
    return .object(members)
  }
}

extension EntryReport.Relayed {
  fileprivate var json: JSON {
    var members: [(String, JSON)] = [
      ("verdict", .string(verdict.word)), ("alert", JSON(verdict.alert.map { Int($0.rawValue) })),
      ("alert_name", JSON(verdict.alert?.name)), ("socket", JSON(socket.map { shellWord($0) })),
    ]
    if let certificate { members.append(("certificate", certificate)) }
    return .object(members)
  }
}
