import CLinux
import Glibc

/// What a file is and who may change it, as stat(2) tells.
package struct FileStatus: Sendable {
  package enum Kind: Sendable {
    case directory
    case link
    case socket
    case other
  }

  /// A file as it was at some time: its last change of status (ctime, inode(7)), which a rename is too.
  package struct Version: Equatable, Sendable {
    let identity: FileIdentity
    let seconds: Int64
    let nanoseconds: Int64
  }

  package var identity: FileIdentity { version.identity }
  package let owner: UserID
  package let group: GroupID
  package let kind: Kind
  /// Changes when the file or its name does.
  package let version: Version
  private let mode: mode_t

  /// Of the root directory.
  package static var root: FileStatus {
    get throws(Errno) { unsafe try FileStatus(of: "/", in: AT_FDCWD) }
  }

  /// Of the open file itself, also where it was opened with `O_PATH`, or of `AT_FDCWD`. The corresponding C function is
  /// `fstatat` with `AT_EMPTY_PATH`.
  package init(of number: Int32) throws(Errno) {
    var status = stat()
    try call { unsafe fstatat(number, "", &status, AT_EMPTY_PATH) }
    self.init(status)
  }

  /// Of the entry of a directory, without following it. The corresponding C function is `fstatat` with
  /// `AT_SYMLINK_NOFOLLOW`.
  init(of name: UnsafePointer<CChar>, in directory: Int32) throws(Errno) {
    var status = stat()
    try call { unsafe fstatat(directory, name, &status, AT_SYMLINK_NOFOLLOW) }
    self.init(status)
  }

  private init(_ status: stat) {
    owner = status.st_uid
    group = status.st_gid
    mode = status.st_mode
    version = Version(
      identity: FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino)),
      seconds: Int64(status.st_ctim.tv_sec), nanoseconds: Int64(status.st_ctim.tv_nsec))
    kind =
      switch status.st_mode & S_IFMT {
      case S_IFDIR: .directory
      case S_IFLNK: .link
      case S_IFSOCK: .socket
      default: .other
      }
  }

  /// The bits of the mode that chmod(1) sets.
  package var permissions: UInt16 { UInt16(mode & 0o7777) }

  /// True if who is neither the owner nor in the group has this permission.
  package func isGrantedToOthers(_ permission: Access) -> Bool { mode & permission.otherBit != 0 }

  /// "a socket", "a FIFO": as a person calls it (inode(7)).
  package var noun: String {
    switch mode & S_IFMT {
    case S_IFDIR: "a directory"
    case S_IFLNK: "a link"
    case S_IFSOCK: "a socket"
    case S_IFREG: "a regular file"
    case S_IFIFO: "a FIFO"
    case S_IFCHR, S_IFBLK: "a device"
    default: "a file of an unknown type"
    }
  }

  /// True for a directory in which anybody may replace what is another's.
  package var isOpenToAll: Bool { mode & S_IWOTH != 0 && mode & S_ISVTX == 0 }

  /// True for a directory in which nobody but its owner may make or replace anything.
  package var isWritableByOwnerOnly: Bool { mode & (S_IWGRP | S_IWOTH) == 0 }

  /// True for a directory in which nobody but its owner may replace what is its owner's.
  package var protectsOwnersEntries: Bool { isWritableByOwnerOnly || mode & S_ISVTX != 0 }
}

/// A user, as the kernel knows them (`uid_t`).
package typealias UserID = UInt32

/// A group (`gid_t`).
package typealias GroupID = UInt32
