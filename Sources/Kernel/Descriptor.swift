import CLinux
import Glibc

/// An open file descriptor with one owner, which closes it at the end of its life.
package struct Descriptor: ~Copyable, Sendable {
  /// -1 where there is no file.
  package let number: Int32

  package init(owning number: Int32) { self.number = number }

  deinit { if number >= 0 { close(number) } }

  /// A second descriptor of the same open file, above the standard ones. The corresponding C function is `fcntl` with
  /// `F_DUPFD_CLOEXEC`.
  package static func duplicate(_ number: Int32) throws(Errno) -> Int32 {
    try call { linux_fcntl(number, F_DUPFD_CLOEXEC, 3) }
  }

  /// True if the number is that of an open file. The corresponding C function is `fcntl` with `F_GETFD`.
  package static func isOpen(_ number: Int32) -> Bool { linux_fcntl(number, F_GETFD, 0) >= 0 }

  /// Opens the standard descriptors that are closed on the null device, so that no later file gets their numbers.
  ///
  /// Where there is no null device, as in an empty chroot, it is the root directory, which takes no bytes either.
  package static func openStandardDescriptors() throws(Errno) {
    for number: Int32 in 0...2 where !isOpen(number) {
      try replace(number)
    }
  }

  /// Makes the number stand for the null device.
  package static func replace(_ number: Int32) throws(Errno) {
    var null = unsafe open("/dev/null", O_RDWR)
    if null < 0 { null = unsafe open("/", O_PATH | O_DIRECTORY) }
    guard null >= 0 else { throw Errno.current }
    guard null != number else { return }
    defer { close(null) }
    try call { dup2(null, number) }
  }

  /// The file's device and inode, as stat(2) tells them; nil if it cannot.
  package static func identity(of number: Int32) -> FileIdentity? {
    var status = stat()
    guard unsafe fstat(number, &status) == 0 else { return nil }
    return FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }
}

/// What tells one file from another for as long as either exists.
package struct FileIdentity: Hashable, Sendable {
  package let device: UInt64
  package let inode: UInt64

  package init(device: UInt64, inode: UInt64) {
    self.device = device
    self.inode = inode
  }

  /// The file that the path names, without following a last link; nil if there is none.
  package init?(path: String) {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { return nil }
    self.init(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
  }
}
