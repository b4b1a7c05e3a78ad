import Kernel
import Wire

/// The files of a hosts directory that links of its names lead through: who renames one of these breaks what works.
final class Passages {
  private var known: (files: Set<FileIdentity>, areAll: Bool)?

  /// nil where that cannot be known: not all links are seen.
  ///
  /// - Parameters:
  ///   - hosts: the same each time, as are the settings.
  func contain(_ file: FileIdentity, of hosts: borrowing Directory, _ settings: Inspector.Settings) -> Bool? {
    let known = self.known ?? Self.known(hosts, settings)
    self.known = known
    return known.files.contains(file) ? true : known.areAll ? false : nil
  }

  /// Of each name's ways all steps behind the entry itself.
  private static func known(_ hosts: borrowing Directory, _ settings: Inspector.Settings)
    -> (files: Set<FileIdentity>, areAll: Bool)
  {
    guard let (entries, areAll) = try? hosts.names(atMost: Inspector.mostEntries) else { return ([], false) }
    var known: (files: Set<FileIdentity>, areAll: Bool) = ([], areAll)
    let note: (Trail.Step) -> Void = { step in
      switch step {
      case .directory(_, let status, _, _), .link(_, let status, _), .file(_, let status, _, _):
        known.files.insert(status.identity)
      // What is closed to the proxy leads none of its clients anywhere.
      case .lost(_, .permissionDenied): if !settings.isProxysUser { known.areAll = false }
      case .root, .lost: break
      }
    }
    for entry in entries where EntryReading(entry, hashed: settings.hashed).isReachable {
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
    return known
  }
}

extension Trail {
  /// The directory at the end of a path.
  fileprivate mutating func directory(_ path: [UInt8]) throws(Errno) -> Directory {
    try follow(path, toDirectory: true)
    return try takeDirectory()
  }
}
