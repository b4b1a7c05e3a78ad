/// Something to know of an entry, with what to do about it.
package struct Finding: Equatable, Sendable {
  package enum Severity: String, Comparable, Sendable {
    /// Nothing to do.
    case note
    /// It works, and yet something is likely to be wrong, or will be.
    case warning
    /// It does not work.
    case problem

    private var rank: Int {
      switch self {
      case .note: 0
      case .warning: 1
      case .problem: 2
      }
    }

    package static func < (a: Severity, b: Severity) -> Bool { a.rank < b.rank }
  }

  package let severity: Severity
  package let code: Code
  /// What is the matter and why, without an end of line; file names in it are quoted.
  package let text: String
  /// What mends it: commands for a shell, of which any will do.
  package let mends: [String]

  package init(_ severity: Severity, _ code: Code, _ text: String, mends: [String] = []) {
    self.severity = severity
    self.code = code
    self.text = text
    self.mends = mends
  }

  /// The same where only some clients are concerned, or none are refused for it: a warning at the most.
  func asWarning(_ whom: String) -> Finding {
    Finding(min(severity, .warning), code, "\(whom): \(text)", mends: mends)
  }

  /// The same of the fewer clients.
  package var ofOthers: Finding { asWarning("of clients who cannot be handed over") }

  /// What scripts tell findings by. They are an interface.
  package enum Code: String, CaseIterable, Sendable {
    // The name
    case nameUnreachable = "name-unreachable"
    case notAnALabel = "not-an-a-label"
    case hashedMixed = "hashed-mixed"
    case ignored
    // The entry
    case noEntry = "no-entry"
    case danglingLink = "dangling-link"
    case notADirectory = "not-a-directory"
    case reserved
    case linkLoop = "link-loop"
    case leavesTree = "leaves-tree"
    case sameDirectory = "same-directory"
    case lookUpFailed = "look-up-failed"
    // Who may
    case noPermission = "no-permission"
    case socketOfAnother = "socket-of-another"
    case severalOwners = "several-owners"
    case openToAll = "open-to-all"
    case ownerUnknown = "owner-unknown"
    case forgeable
    case hostsOpenToAll = "hosts-open-to-all"
    case hostDirectory = "host-directory"
    // The socket
    case noSocket = "no-socket"
    case notASocket = "not-a-socket"
    case nobodyListens = "nobody-listens"
    case wrongSocketType = "wrong-socket-type"
    case backlogFull = "backlog-full"
    case backendFailed = "backend-failed"
    // Other files of the host directory
    case unknownFile = "unknown-file"
    case bothFlags = "both-flags"
    case handoffFlags = "handoff-flags"
    case handoffOnly = "handoff-only"
    case receiverUntried = "receiver-untried"
    case notListed = "not-listed"
    // The look itself
    case changed
    case asRoot = "as-root"
    case asUser = "as-user"
    // With --tls
    case tlsFailed = "tls-failed"
    case certificateName = "certificate-name"
    case certificateExpired = "certificate-expired"
    case certificateNotYetValid = "certificate-not-yet-valid"
    case certificateExpiresSoon = "certificate-expires-soon"
    case certificateUntrusted = "certificate-untrusted"
    case certificateShared = "certificate-shared"
  }
}
