import Kernel

/// Who besides root can put something else in the place that a path names.
struct Replacers: Equatable, Sendable {
  private var users: Set<UserID> = []
  /// Everybody, a group, or nobody knows who.
  private var areMany = false

  static let many: Replacers = {
    var replacers = Replacers()
    replacers.areMany = true
    return replacers
  }()

  /// Of the path by which a directory was named, links and all.
  static func along(_ path: [UInt8]) -> Replacers {
    var replacers = Replacers()
    do throws(Errno) {
      let start = try Directory(path: path.first == UInt8(ascii: "/") ? "/" : ".")
      var directory = try start.status
      var trail = Trail(from: start)
      trail.observer = { step in
        switch step {
        case .root(let status, _, _): directory = status
        case .directory(let name, let status, _, _):
          if name != Array("..".utf8) { replacers.add(status, in: directory) }
          directory = status
        case .link(_, let status, _): replacers.add(status, in: directory)
        case .file, .lost: break
        }
      }
      try trail.follow(path, toDirectory: true)
      withExtendedLifetime(start) {}
      return replacers
    } catch {
      return .many
    }
  }

  /// Adds who can replace this entry of a directory.
  ///
  /// - Parameter entry: nil for one that is still to be made.
  mutating func add(_ entry: FileStatus?, in directory: FileStatus) {
    add(directory.owner)
    guard !directory.isWritableByOwnerOnly else { return }
    guard directory.protectsOwnersEntries else {
      areMany = true
      return
    }
    if let entry { add(entry.owner) }
  }

  func adding(_ entry: FileStatus?, in directory: FileStatus) -> Replacers {
    var sum = self
    sum.add(entry, in: directory)
    return sum
  }

  func adding(_ others: [UserID]) -> Replacers {
    var sum = self
    for user in others { sum.add(user) }
    return sum
  }

  /// Of whatever is in the directory, whosever it is.
  func adding(allOf directory: FileStatus) -> Replacers {
    directory.isWritableByOwnerOnly ? adding(nil, in: directory) : .many
  }

  private mutating func add(_ user: UserID) {
    if user == Self.nobody { areMany = true } else if user != Self.root { users.insert(user) }
  }

  /// The commands, which belong together, as the one who can replace what they name; none where that is not one alone, or
  /// another than the owner of what they change. So nobody else's will is done on what is not theirs.
  ///
  /// - Parameter reader: who reads the commands, and runs them.
  func offers(_ commands: [String], on status: FileStatus?, to reader: UserID) -> [String] {
    guard !areMany else { return [] }
    let others = users.subtracting([reader])
    guard let user = others.first else { return [commands.joined(separator: " && ")] }
    guard others.count == 1, reader == Self.root, user == status?.owner, userName(user) != nil else { return [] }
    return [commands.map { "runuser -u \(Inspector.name(user)) -- \($0)" }.joined(separator: " && ")]
  }

  private static let root: UserID = 0
  /// Stands for users whom the kernel cannot show (`overflowuid`, user_namespaces(7)).
  private static let nobody: UserID = 65534
}
