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
    case .handoffDropped(let client, let request):
      "\(client): \(request.serverName.map { "\($0): " } ?? "")closed by the receiver on tls-handoff, which did not "
        + "take it: does it take clients from this user, or has it ended?"
    case .finished(let account): account.text
    case .atLimit(let limit): "accept: paused: \(limit) connections are open, see --max-connections"
    case .acceptFailed(let error): "accept: paused for a moment: \(error)"
    case .sessionFailed(let error): "relay: a connection was cut: \(error)"
    case .workerFailed(let error): "worker: ended: \(error)"
    }
  }
}

extension Ledger {
  static func replacementText(_ path: String, _ loser: Author) -> String {
    "--status \(escaped(Array(path.utf8))): took the place of that of \(loser.text), and has none any more: give each "
      + "copy a file of its own"
  }

  static func lossText(_ path: String) -> String {
    "--status \(escaped(Array(path.utf8))): it was cut short, or there was no room for it: running without it. Restart "
      + "sniproxy to have a new one"
  }
}

extension Author {
  fileprivate var text: String { "process \(process), which \(isAlive ? "lives" : "is gone")" }
}

extension Ledger.Failure {
  func text(_ path: String) -> String {
    let file = escaped(Array(path.utf8))
    return switch self {
    case .system(let step, let error, let author):
      "--status \(file): cannot \(step): \(error): running without it. \(Self.advice(error))"
        + (author.map { ". The file that is there stays: it is that of \($0.text)" } ?? "")
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
