import Relay
package import Wire

/// What becomes of a client who sends these bytes, and of what they consist.
package struct HelloReport: Sendable {
  package enum Verdict: Equatable, Sendable {
    /// It is looked up.
    case accepted(HostName)
    /// At least so many bytes are missing.
    case incomplete(missing: Int)
    case refused(Refusal)
  }

  package let anatomy: Anatomy
  package let verdict: Verdict
  /// As the client sent it; nil where there is none, or where it cannot be read. Of several the first.
  package let serverName: [UInt8]?
  package let protocols: [[UInt8]]

  package init(_ bytes: [UInt8]) {
    anatomy = Anatomy(bytes)
    let extensions = anatomy.extensions ?? []
    serverName = extensions.lazy.compactMap(\.hostName).first
    protocols = extensions.first { $0.name.number == 16 }?.protocols ?? []
    var reader = HelloReader()
    switch reader.read(bytes.span) {
    case .needs(let atLeast): verdict = .incomplete(missing: atLeast)
    case .refused(let refusal): verdict = .refused(refusal)
    case .complete(let hello): verdict = Self.verdict(on: hello)
    }
  }

  private static func verdict(on hello: ClientHello) -> Verdict {
    guard let raw = hello.serverName else { return .refused(.noServerName) }
    do throws(HostName.Flaw) { return .accepted(try HostName(raw)) } catch { return .refused(.illegalName(error)) }
  }

  // MARK: - For people

  /// A line each.
  package var lines: [String] {
    var lines = recordLines
    guard let type = anatomy.messageType else { return lines }
    guard type == 1 else { return lines + ["message: handshake type \(type), no ClientHello"] }
    let length = anatomy.messageLength.map { "\($0) bytes" } ?? "length not there yet"
    let there = anatomy.messageLength == anatomy.messagePresent ? "" : ", of which \(anatomy.messagePresent) are there"
    lines.append("message: ClientHello, \(length)\(there)")
    if let version = anatomy.version { lines.append("  legacy_version: \(versionName(version))") }
    if let length = anatomy.sessionIDLength { lines.append("  legacy_session_id: \(length) bytes") }
    if let suites = anatomy.cipherSuites {
      lines.append("  cipher_suites: \(suites.count)" + Self.list(suites.map { hexadecimal($0) }))
    }
    if let methods = anatomy.compressionMethods { lines.append("  legacy_compression_methods: \(methods.count)") }
    if let extensions = anatomy.extensions {
      lines.append("  extensions: \(extensions.count)")
      lines += extensions.prefix(Self.mostLines).map { "    " + line($0) }
      if extensions.count > Self.mostLines { lines.append("    and \(extensions.count - Self.mostLines) more") }
    } else if anatomy.compressionMethods != nil {
      lines.append("  extensions: none")
    }
    if anatomy.following > 0 { lines.append("behind it: \(anatomy.following) bytes, which are not looked at") }
    return lines
  }

  private var recordLines: [String] {
    let records = anatomy.records
    guard !records.isEmpty else { return ["records: none: a record has a header of 5 bytes"] }
    var lines = ["records: \(records.count)"]
    lines += records.prefix(Self.mostRecords).map { record in
      let there = record.present < record.length ? ", of which \(record.present) are there" : ""
      return "  type \(record.type)\(Self.contentType(record.type)), version \(hexadecimal(record.version)), "
        + "\(record.length) bytes\(there)"
    }
    if records.count > Self.mostRecords { lines.append("  and \(records.count - Self.mostRecords) more") }
    return lines
  }

  private func line(_ part: Anatomy.Extension) -> String {
    var line = "\(part.name), \(part.length) bytes"
    if part.body.count < part.length { line += ", of which \(part.body.count) are there" }
    if let name = part.hostName { line += ": \(shellWord(name))" }
    let protocols = part.protocols
    if !protocols.isEmpty {
      line += ": " + protocols.prefix(Self.mostRecords).map(shellWord).joined(separator: ", ")
    }
    if let versions = part.versions { line += ": " + versions.prefix(Self.mostRecords).joined(separator: ", ") }
    return line
  }

  private static func list(_ items: [String]) -> String {
    guard !items.isEmpty else { return "" }
    return ": " + items.prefix(mostRecords).joined(separator: " ") + (items.count > mostRecords ? " ..." : "")
  }

  private static func contentType(_ type: UInt8) -> String {
    switch type {
    case 20: " (change_cipher_spec)"
    case 21: " (alert)"
    case 22: " (handshake)"
    case 23: " (application_data)"
    default: ""
    }
  }

  // MARK: - For scripts

  package var json: JSON {
    var members: [(String, JSON)] = []
    switch verdict {
    case .accepted(let host): members += [("verdict", .string("accepted")), ("entry", .string(host.description))]
    case .incomplete(let missing): members += [("verdict", .string("incomplete")), ("missing", .number(missing))]
    case .refused(let refusal):
      members += [
        ("verdict", .string("refused")), ("alert", JSON(refusal.alert.map { Int($0.rawValue) })),
        ("alert_name", JSON(refusal.alert?.name)), ("reason", .string(refusal.reason)),
        (
          "rule",
          refusal.rule.map { .object([("source", .string($0.source)), ("text", .string($0.sentence))]) } ?? .null
        ),
      ]
    }
    members += [
      ("server_name", JSON(serverName.map(shellWord))),
      ("protocols", .array(protocols.map { .string(shellWord($0)) })),
      (
        "records",
        .array(
          anatomy.records.prefix(Self.mostInJSON).map {
            .object([
              ("type", .number(Int($0.type))), ("version", .number(Int($0.version))), ("length", .number($0.length)),
              ("present", .number($0.present)),
            ])
          })
      ),
      ("message_length", JSON(anatomy.messageLength)), ("message_present", .number(anatomy.messagePresent)),
      ("cipher_suites", .array((anatomy.cipherSuites ?? []).map { .number(Int($0)) })),
      (
        "extensions",
        .array(
          (anatomy.extensions ?? []).prefix(Self.mostInJSON).map {
            .object([
              ("type", .number(Int($0.name.number))), ("name", JSON($0.name.name)), ("length", .number($0.length)),
            ])
          })
      ),
      ("following", .number(anatomy.following)),
    ]
    return .object(members)
  }

  private static let mostRecords = 8
  private static let mostLines = 64
  private static let mostInJSON = 1024
}
