package import Kernel
package import Wire

/// The rule for delegated names: users who have a say in where a name leads can lead it to their own services only, so
/// nobody can aim a public name at another's private socket.
package struct Delegation: Sendable {
  /// Whose say does not matter: root's, and the hosts directory's owner's. They chose the socket.
  private let administrator: UserID
  private let hosts: FileStatus
  private let rootDirectory: FileStatus

  package init(hosts: FileStatus) throws(Errno) {
    administrator = hosts.owner
    self.hosts = hosts
    rootDirectory = try FileStatus.root
  }

  /// True of users whose say does not matter.
  package func isAdministrator(_ user: UserID) -> Bool {
    user == Self.root || user == administrator && user != Self.nobody
  }

  // MARK: - Where only administrators have a say

  // A look at what only they can change needs no descriptor: nobody else can use the time until it is used. They
  // themselves can, and let others have a say meanwhile: so whoever uses it has to see that it is still the same.

  /// The host directory of an entry if it is the administrators'; nil if others have a say in it, or may have.
  func administratorsHost(_ entry: FileStatus, link: () throws(Errno) -> Link?) throws(Errno) -> FileStatus? {
    try end(of: entry, in: hosts, link, isAdministratorsHost)
  }

  func isAdministratorsHost(_ status: FileStatus) -> Bool {
    status.kind == .directory && isAdministrator(status.owner) && status.isWritableByOwnerOnly
  }

  /// Where the socket or the link in such a host directory leads; nil if others have a say in that.
  func administratorsSocket(
    _ socket: FileStatus, in host: FileStatus, link: () throws(Errno) -> Link?
  ) throws(Errno) -> FileStatus? {
    try end(of: socket, in: host, link) { $0.kind == .socket }
  }

  private func end(
    of entry: FileStatus, in directory: FileStatus, _ link: () throws(Errno) -> Link?, _ isRight: (FileStatus) -> Bool
  ) throws(Errno) -> FileStatus? {
    guard isFixed(entry, in: directory) else { return nil }
    guard entry.kind == .link else { return isRight(entry) ? entry : nil }
    guard isAdministrator(entry.owner), let link = try link() else { return nil }
    var place = link.isAbsolute ? rootDirectory : directory
    guard isAdministrator(place.owner) else { return nil }
    let isAdministrators = try link.allSteps { step, isLast in
      guard isFixed(step, in: place) else { return false }
      place = step
      return isLast ? isRight(step) : step.kind == .directory && isAdministrator(step.owner)
    }
    return isAdministrators ? place : nil
  }

  /// True if none but administrators can put something else in the entry's place.
  private func isFixed(_ entry: FileStatus, in directory: FileStatus) -> Bool {
    directory.isWritableByOwnerOnly || directory.protectsOwnersEntries && isAdministrator(entry.owner)
  }

  // MARK: - Where others have a say

  /// Whose socket it must be at the end of the trail; nil if any will do.
  package func onlyUser(_ trail: borrowing Trail) throws(Refusal) -> UserID? {
    var users: [UserID] = []
    for owner in trail.owners where !isAdministrator(owner) && !users.contains(owner) { users.append(owner) }
    if trail.isOpenToAll { throw .openToAll }
    if users.count > 1 { throw .severalOwners(users) }
    return users.first
  }

  /// True if the socket's file is the user's: a service manager may have made it for them.
  package func isOwner(_ user: UserID, of file: FileStatus?) -> Bool { user != Self.nobody && file?.owner == user }

  /// True if it is the user who listens at the other end, on whosever file.
  func isListener(_ user: UserID, on socket: borrowing Socket) -> Bool {
    user != Self.nobody && socket.peerUser == user
  }

  private static let root: UserID = 0
  /// Whom the kernel shows for users that it cannot show (`overflowuid`, user_namespaces(7)), so it may be anybody.
  package static let nobody: UserID = 65534
}
