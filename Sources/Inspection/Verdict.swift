package import Kernel
package import Wire

/// What becomes of a client who asks for an entry's name.
package enum Verdict: Equatable, Sendable {
  case served
  /// It waits until the backlog has room, and gets alert 80 if that takes too long.
  case waits
  case refused(Refusal)
  /// No client can ask for it: what it asks for instead is another name.
  case unreachable
  /// Not known without connecting to the backend.
  case unknown

  /// The alert that the client gets; nil if none, or if nobody can tell.
  package var alert: Alert? { refusal?.alert }

  var refusal: Refusal? { if case .refused(let refusal) = self { refusal } else { nil } }
}

/// What is to be said of one entry of the hosts directory.
package struct EntryReport {
  /// Its name in the hosts directory.
  package let entry: [UInt8]
  /// The hostname; nil where it cannot be known, as of a hashed one.
  package let host: HostName?
  /// Of a client who can be handed over, if there is `tls-handoff`.
  package internal(set) var verdict: Verdict
  /// Sent to who is relayed.
  package internal(set) var header: ProxyHeader?
  /// What tells the host directory from others; nil where none was reached.
  package internal(set) var directory: FileIdentity?
  /// Clients are handed over to the socket.
  package internal(set) var isHandedOver = false
  /// What becomes of a client who cannot be handed over; nil where there is no `tls-handoff`.
  package var relayed: Relayed?
  /// The socket's own path, and what tells it from others.
  package internal(set) var socket: [UInt8]?
  package internal(set) var backend: FileIdentity?
  package internal(set) var leavesTree = false
  /// What was learnt of its certificate, with `--tls`.
  package var certificate: JSON?
  /// The host directory could be searched, but not listed.
  package internal(set) var isUnlisted = false
  package internal(set) var findings: [Finding] = []

  package struct Relayed {
    package let verdict: Verdict
    package let socket: [UInt8]?
    /// What was learnt of its certificate, with `--tls`.
    package var certificate: JSON?
  }

  init(_ entry: [UInt8], _ host: HostName?, _ verdict: Verdict) {
    self.entry = entry
    self.host = host
    self.verdict = verdict
  }

  /// True if clients who cannot be handed over are served, and by another backend than those who can.
  package var servesOthersElsewhere: Bool { relayed?.verdict == .served && (isHandedOver || verdict != .served) }

  /// The gravest of its findings.
  package var severity: Finding.Severity? { findings.map(\.severity).max() }

  /// True if the entry is there to be refused.
  var isReserved: Bool { findings.contains { $0.code == .reserved } }

  /// True if it is for no client, and nobody is to mind.
  package var isIgnored: Bool { verdict == .unreachable && severity == .note }

  /// True if clients are served, or the entry is for none, and nothing but notes is to be said of it.
  package var isWell: Bool {
    let isRight =
      switch verdict {
      case .served, .unknown: true
      case .unreachable: !findings.isEmpty
      case .waits, .refused: isReserved
      }
    return isRight && findings.allSatisfy { $0.severity == .note }
  }

  package mutating func add(_ finding: Finding) { findings.append(finding) }
}
