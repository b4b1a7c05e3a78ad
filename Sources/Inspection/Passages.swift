import Kernel
import Wire

/// The files of a hosts directory that its links lead through: who renames one of these breaks what works.
final class Passages {
  private var passed: Set<FileIdentity>?

  /// - Parameter hosts: the same each time.
  func contain(_ file: FileIdentity, of hosts: borrowing Directory) -> Bool {
    if let passed { return passed.contains(file) }
    let passed = Self.passed(hosts)
    self.passed = passed
    return passed.contains(file)
  }

  /// Of each entry's ways all steps behind the entry itself.
  private static func passed(_ hosts: borrowing Directory) -> Set<FileIdentity> {
    var passed: Set<FileIdentity> = []
    let note: (Trail.Step) -> Void = { step in
      switch step {
      case .directory(_, let status, _, _), .link(_, let status, _), .file(_, let status, _, _):
        passed.insert(status.identity)
      case .root, .lost: break
      }
    }
    for entry in (try? hosts.names(atMost: Inspector.mostEntries))?.names ?? [] {
      var isFirst = true
      var trail = Trail(from: hosts)
      trail.observer = { step in
        if isFirst { isFirst = false } else { note(step) }
      }
      guard let host = try? trail.directory(entry) else { continue }
      for target in [BackendSocket.relay, .handoff] {
        var trail = Trail(from: host)
        trail.observer = note
        try? trail.follow(Array("\(target.name)".utf8))
      }
      withExtendedLifetime(host) {}
    }
    return passed
  }
}

extension Trail {
  /// The directory at the end of a path.
  fileprivate mutating func directory(_ path: [UInt8]) throws(Errno) -> Directory {
    try follow(path, toDirectory: true)
    return try takeDirectory()
  }
}
