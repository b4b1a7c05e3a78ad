import CLinux
import Glibc

/// The kernel's access control that a process sets itself (landlock(7)).
///
/// It has no say in what the look-up of a backend takes: `O_PATH`, `chdir`, `faccessat`, and `connect` to a Unix socket.
enum Landlock {
  /// Lets the calling thread, and those that it starts, open no file and change no directory any more.
  ///
  /// - Parameter directories: where, and below which, files may still be removed. One that cannot be reached is left out.
  /// - Returns: what this kernel's version of it leaves open.
  /// - Precondition: `no_new_privs` is set.
  static func restrict(removingIn directories: [String]) throws(Errno) -> [String] {
    let version = try call { linux_landlock_version() }
    let known = rights.filter { $0.since <= version }
    let ruleset = Descriptor(
      owning: try call {
        linux_landlock_create(bits(known, .files), bits(known, .network), bits(known, .scope))
      })
    for path in directories {
      let directory = Descriptor(owning: unsafe linux_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY))
      guard directory.number >= 0 else { continue }
      try call { linux_landlock_allow(ruleset.number, directory.number, removeFile.bit) }
    }
    try call { linux_landlock_restrict(ruleset.number) }
    return rights.filter { $0.since > version }.map(\.name)
  }

  private enum Field { case files, network, scope }

  private struct Right {
    let name: String
    let field: Field
    let bit: UInt64
    /// The version of the interface that knows it first.
    let since: Int32

    init(_ name: String, _ field: Field, _ position: UInt64, since: Int32 = 1) {
      self.name = name
      self.field = field
      bit = 1 << position
      self.since = since
    }
  }

  private static func bits(_ rights: [Right], _ field: Field) -> UInt64 {
    rights.reduce(0) { $1.field == field ? $0 | $1.bit : $0 }
  }

  private static let removeFile = Right("remove files", .files, 5)

  /// As in linux/landlock.h. Not among them: to connect to Unix sockets, by path (`RESOLVE_UNIX`, since version 9) or by
  /// abstract name (`SCOPE_ABSTRACT_UNIX_SOCKET`), since that is what a relay is for.
  private static let rights = [
    Right("execute files", .files, 0), Right("write files", .files, 1), Right("read files", .files, 2),
    Right("read directories", .files, 3), Right("remove directories", .files, 4), removeFile,
    Right("make character devices", .files, 6), Right("make directories", .files, 7),
    Right("make files", .files, 8), Right("make sockets", .files, 9), Right("make pipes", .files, 10),
    Right("make block devices", .files, 11), Right("make links", .files, 12),
    Right("move files", .files, 13, since: 2), Right("truncate files", .files, 14, since: 3),
    Right("bind TCP sockets", .network, 0, since: 4), Right("connect TCP sockets", .network, 1, since: 4),
    Right("control devices", .files, 15, since: 5), Right("signal others", .scope, 1, since: 6),
  ]
}
