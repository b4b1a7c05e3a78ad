import ArgumentParser
import Glibc
import Kernel
import Wire

/// What stands before the command.
struct Options: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sniproxy-listen",
    abstract: "Run a server on the clients that sniproxy hands over to a host directory.",
    usage: "sniproxy-listen [--user USER] DIR[:PORT] ... -- COMMAND [ARGUMENT ...]",
    discussion: """
      Where the command's server listens on the TCP port, it listens on tls-handoff \
      in the directory instead, and gets its clients from sniproxy, with their own \
      addresses. All else is as it was. The server needs no other configuration.

      Exit status: the command's; 100 wrong usage; 111 it cannot work, and why is \
      told; 126 the command cannot be run; 127 there is no such command.
      """,
    version: "sniproxy-listen \(version)")

  @Option(
    help: ArgumentHelp("Take clients from this user (NAME or UID) and root alone.", valueName: "user"),
    completion: .shellCommand("getent passwd | cut -d\\: -f 1"))
  var user: String?

  @Argument(
    help: ArgumentHelp("A host directory, and the port if it is not 443.", valueName: "dir"), completion: .directory,
    transform: Place.init)
  var places: [Place] = []

  /// Who besides root may hand over; nil for root alone.
  var trustedUser: UserID? {
    get throws(Failure) {
      guard let user else { return userNumber(Self.usualUser) }
      guard let number = UserID(user) ?? userNumber(user), number != Self.none else {
        throw .usage("--user \(user): there is no such user: name the one that sniproxy runs as")
      }
      guard number != Self.nobody else {
        throw .usage("--user \(user): that is whom the kernel cannot tell: run sniproxy as a user of its own")
      }
      return number
    }
  }

  private static let usualUser = "sniproxy"
  private static let nobody: UserID = 65_534
  /// What chown(2) takes for no user.
  private static let none = UserID.max
}

/// The corresponding C function is `getpwnam`.
private func userNumber(_ name: String) -> UserID? {
  guard let entry = unsafe getpwnam(name) else { return nil }
  return unsafe entry.pointee.pw_uid
}
