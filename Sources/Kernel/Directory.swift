import CLinux
import Glibc

/// An open directory, which needs search permission only.
package struct Directory: ~Copyable, Sendable {
  private let descriptor: Descriptor

  /// The corresponding C function is `open` with `O_PATH`.
  package init(path: String) throws(Errno) {
    descriptor = Descriptor(
      owning: try call { unsafe linux_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY) })
  }

  private init(owning number: Int32) { descriptor = Descriptor(owning: number) }

  /// The directory of this name in this one, or at the end of a link of this name.
  ///
  /// The "." after the name lets a user's link work in a sticky directory too, where the kernel follows no link that ends
  /// a path (`fs.protected_symlinks`, proc(5)). The corresponding C function is `openat` with `O_PATH`.
  ///
  /// - Precondition: no byte of the name is "/" or NUL.
  package func directory(_ name: [UInt8]) throws(Errno) -> Directory {
    precondition(!name.contains(UInt8(ascii: "/")) && !name.contains(0))
    let path = name + [UInt8(ascii: "/"), UInt8(ascii: "."), 0]
    let number = descriptor.number
    return Directory(
      owning: try call {
        unsafe path.withUnsafeBytes {
          unsafe linux_openat(number, $0.assumingMemoryBound(to: CChar.self).baseAddress!, O_PATH | O_DIRECTORY)
        }
      })
  }

  /// True if there is an entry of this name, of any type, a dangling link too. The corresponding C function is
  /// `faccessat` with `AT_SYMLINK_NOFOLLOW`.
  package func contains(_ name: StaticString) throws(Errno) -> Bool {
    let number = descriptor.number
    do throws(Errno) {
      try call { unsafe faccessat(number, cString(name), F_OK, AT_SYMLINK_NOFOLLOW) }
      return true
    } catch .noSuchFileOrDirectory {
      return false
    }
  }

  /// A connection to the Unix socket of this name.
  ///
  /// However long the directory's path is, the 108 bytes of a socket address do not show. The corresponding C functions
  /// are `socket` and `connect`.
  ///
  /// - Throws: `.wouldBlock` when the backlog is full, which no event will tell the end of.
  package func connect(to name: StaticString, by way: SocketPath) throws(Errno) -> Socket {
    let socket = try Socket.unix()
    switch way {
    case .procfs:
      try socket.connect(to: path("/proc/self/fd/\(descriptor.number)/\(name)"))
    case .workingDirectory:
      let number = descriptor.number
      try call { fchdir(number) }
      try socket.connect(to: path("\(name)"))
    }
    return socket
  }

  private func path(_ path: String) -> SocketAddress {
    guard let address = SocketAddress(path: Array(path.utf8)) else { preconditionFailure("\(path) is too long") }
    return address
  }
}

/// How a socket in an open directory is named to `connect`, which takes a path only.
package enum SocketPath: Sendable {
  /// Through `/proc/self/fd`.
  case procfs
  /// From the thread's own working directory: where there is no /proc, as in an empty chroot.
  case workingDirectory

  /// The way that works in this process.
  package static var available: SocketPath {
    unsafe access("/proc/self/fd", X_OK) == 0 ? .procfs : .workingDirectory
  }

  /// Prepares the calling thread. The corresponding C function is `unshare` with `CLONE_FS`.
  package func prepareThread() throws(Errno) {
    guard case .workingDirectory = self else { return }
    try call { unshare(CLONE_FS) }
  }
}

private func cString(_ text: StaticString) -> UnsafePointer<CChar> {
  unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}
