package import Kernel
package import Wire

/// The rule for delegated names: users who have a say in where a name leads can lead it to their own services only, so
/// nobody can aim a public name at another's private socket.
package struct Delegation: Sendable {
  /// Whose say does not matter: root's, and the hosts directory's owner's. They chose the socket.
  private let administrator: UserID
  /// True if nobody else can replace an entry of the administrators.
  private let protectsEntries: Bool

  package init(hosts: FileStatus) {
    administrator = hosts.owner
    protectsEntries = hosts.protectsOwnersEntries
  }

  private func isAdministrator(_ user: UserID) -> Bool {
    user == Self.root || user == administrator && user != Self.nobody
  }

  /// True if the entry is a directory, and no one but administrators can change anything in it or replace it.
  ///
  /// Then what is in it and no link is what they chose. What only they can change needs one look.
  func isAdministrators(_ entry: FileStatus) -> Bool {
    protectsEntries && entry.kind == .directory && isAdministrator(entry.owner) && entry.isWritableByOwnerOnly
  }

  /// Whose socket it must be at the end of the trail; nil if any will do.
  package func onlyUser(_ trail: borrowing Trail) throws(Refusal) -> UserID? {
    var users: [UserID] = []
    for owner in trail.owners where !isAdministrator(owner) && !users.contains(owner) { users.append(owner) }
    if trail.isOpenToAll { throw .openToAll }
    if users.count > 1 { throw .severalOwners(users) }
    return users.first
  }

  /// True if the user is the socket's owner, or who listens on it: a service manager may have done either for them.
  func belongs(_ socket: borrowing Socket, file: FileStatus?, to user: UserID) -> Bool {
    user != Self.nobody && (file?.owner == user || socket.peerUser == user)
  }

  private static let root: UserID = 0
  /// Whom the kernel shows for users that it cannot show (`overflowuid`, user_namespaces(7)), so it may be anybody.
  private static let nobody: UserID = 65534
}
