import Kernel

/// How a file is opened to the user that this process is, while everybody else keeps what they have.
struct Opening {
  private let permission: Access
  private let path: [UInt8]
  private let status: FileStatus
  private let list: AccessList?

  init(_ permission: Access, of path: [UInt8], _ status: FileStatus, _ list: AccessList?) {
    self.permission = permission
    self.path = path
    self.status = status
    self.list = list
  }

  /// By an entry of the access control list, which no other hinders; nil for the owner, for whom none counts.
  var byList: String? {
    status.owner == effectiveUser ? nil : "setfacl -m \(entries.joined(separator: ",")) \(shellPath(path))"
  }

  /// By the mode; nil where that does not open it to this user, or opens it to those too whom a mask keeps out.
  var byMode: String? { modeClass.map { "chmod \($0)+\(letters(permission.permission)) \(shellPath(path))" } }

  /// True if the mode opens it to this user alone.
  var modeIsOwners: Bool { modeClass == "u" }

  /// The letter of chmod(1) for those among whom this user is.
  private var modeClass: String? {
    if status.owner == effectiveUser { return "u" }
    guard let list else { return isMember(of: status.group) ? "g" : "o" }
    return list.entries.contains { concerns($0.subject) } ? nil : "o"
  }

  private func concerns(_ subject: AccessList.Subject) -> Bool {
    switch subject {
    case .user(let user): user == effectiveUser
    case .owningGroup: isMember(of: status.group)
    case .group(let group): isMember(of: group)
    }
  }

  /// setfacl(1): "The default behavior of setfacl is to recalculate the ACL mask entry, unless a mask entry was explicitly
  /// given." Recalculated it hides nothing any more, so it is given where it hides something. What it hides of this
  /// permission and would no longer is taken from the entries themselves.
  private var entries: [String] {
    let wanted = permission.permission
    let name = Inspector.name(effectiveUser)
    guard let list else { return ["u:\(name):\(letters(wanted))"] }
    let own = list.entries.first { $0.subject == .user(effectiveUser) }?.permissions ?? 0
    let others = list.entries.filter { $0.subject != .user(effectiveUser) }
    var entries = ["u:\(name):\(letters(own | wanted))"]
    guard (others.map(\.permissions) + [own]).contains(where: { $0 & ~list.mask != 0 }) else { return entries }
    entries.append("m::\(letters(list.mask | wanted))")
    for (subject, permissions) in others where permissions & wanted & ~list.mask != 0 {
      entries.append("\(Self.word(subject)):\(letters(permissions & ~wanted))")
    }
    return entries
  }

  private static func word(_ subject: AccessList.Subject) -> String {
    switch subject {
    case .user(let user): "u:\(Inspector.name(user))"
    case .owningGroup: "g:"
    case .group(let group): "g:\(group)"
    }
  }
}

/// As chmod(1) and setfacl(1) take them.
private func letters(_ permissions: AccessList.Permissions) -> String {
  let letters = zip("rwx", [4, 2, 1] as [AccessList.Permissions]).filter { permissions & $0.1 != 0 }.map(\.0)
  return letters.isEmpty ? "-" : String(letters)
}
