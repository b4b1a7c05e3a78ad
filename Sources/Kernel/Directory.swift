import CLinux
import Glibc
package import Wire

/// An open directory, which needs search permission only.
package struct Directory: ~Copyable, Sendable {
  private let descriptor: Descriptor

  var number: Int32 { descriptor.number }

  /// The corresponding C function is `open` with `O_PATH`.
  package init(path: String) throws(Errno) {
    descriptor = Descriptor(
      owning: try call { unsafe linux_openat(AT_FDCWD, path, O_PATH | O_DIRECTORY) })
  }

  init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

  private init(owning number: Int32) { descriptor = Descriptor(owning: number) }

  /// Its own status. The corresponding C function is `fstat`.
  package var status: FileStatus { get throws(Errno) { try FileStatus(of: number) } }

  /// The directory of this name in this one, or at the end of a link of this name. By way of the working directory it is
  /// the thread's, until `leave` or the next one.
  ///
  /// The "." after the name lets a user's link work in a sticky directory too, where the kernel follows no link that ends
  /// a path (`fs.protected_symlinks`, proc(5)). The corresponding C functions are `openat` with `O_PATH`, or `fchdir` and
  /// `chdir`.
  ///
  /// - Precondition: the name has at most 253 bytes, of which none is "/" or NUL.
  package func directory(_ name: [UInt8], by way: inout SocketPath) throws(Errno) -> Directory {
    try unsafe Self.withPath(name, "/.") { path throws(Errno) in
      switch way.kind {
      case .procfs:
        return Directory(owning: try call { unsafe linux_openat(descriptor.number, path, O_PATH | O_DIRECTORY) })
      case .workingDirectory:
        try way.stand(in: descriptor.number)
        try call { unsafe chdir(path) }
        way.standsElsewhere()
        return Directory(owning: AT_FDCWD)
      }
    }
  }

  /// What the entry of this name is itself, be it a link. The corresponding C function is `fstatat`.
  ///
  /// - Precondition: no byte of the name is "/" or NUL.
  /// - Throws: `.nameTooLong` if it has more than 255 bytes, which few file systems have.
  package func status(of name: [UInt8]) throws(Errno) -> FileStatus {
    guard name.count < 256 else { throw .nameTooLong }
    return try unsafe Self.withPath(name, "") { path throws(Errno) in
      unsafe try FileStatus(of: path, in: descriptor.number)
    }
  }

  /// The same of a file in it.
  package func status(of name: StaticString) throws(Errno) -> FileStatus {
    unsafe try FileStatus(of: cString(name), in: descriptor.number)
  }

  private static func withPath<Result: ~Copyable>(
    _ name: [UInt8], _ suffix: StaticString, _ body: (UnsafePointer<CChar>) throws(Errno) -> Result
  ) throws(Errno) -> Result {
    precondition(name.count + suffix.utf8CodeUnitCount < 256)
    var path = InlineArray<256, UInt8>(repeating: 0)
    for (index, byte) in name.enumerated() {
      precondition(byte != UInt8(ascii: "/") && byte != 0)
      path[index] = byte
    }
    for index in 0..<suffix.utf8CodeUnitCount { path[name.count + index] = unsafe suffix.utf8Start[index] }
    var span = path.mutableSpan
    return try unsafe span.withUnsafeMutableBytes { bytes throws(Errno) in
      try unsafe body(bytes.assumingMemoryBound(to: CChar.self).baseAddress!)
    }
  }

  /// Takes the thread back from a directory in this one, so that it is in nobody's way there.
  package func leave(by way: inout SocketPath) {
    if way.kind == .workingDirectory { try? way.stand(in: descriptor.number) }
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

  /// Where the link of this name leads; nil if it is no link.
  ///
  /// - Throws: `.noSuchFileOrDirectory` if there is none.
  package func link(_ name: StaticString) throws(Errno) -> Link? {
    unsafe try Link(cString(name), in: descriptor.number)
  }

  /// The same of an entry.
  ///
  /// - Precondition: as for `directory`.
  package func link(_ name: [UInt8]) throws(Errno) -> Link? {
    try unsafe Self.withPath(name, "") { path throws(Errno) in try unsafe Link(path, in: descriptor.number) }
  }

  /// The file of this name, or at the end of a link of this name. The corresponding C function is `openat` with `O_PATH`.
  package func file(_ name: StaticString) throws(Errno) -> SocketFile {
    let number = descriptor.number
    return try SocketFile(
      Descriptor(owning: try call { unsafe linux_openat(number, cString(name), O_PATH) }))
  }

  /// A connection to the Unix socket of this name in a directory that was reached in the same way.
  ///
  /// However long the directory's path is, the 108 bytes of a socket address do not show. The corresponding C functions
  /// are `socket` and `connect`.
  ///
  /// - Throws: `.wouldBlock` when the backlog is full, which no event will tell the end of.
  package func connect(
    to name: StaticString, as type: BackendSocket = .relay, by way: SocketPath
  ) throws(Errno) -> Socket {
    let socket = try Socket.unix(type)
    switch way.kind {
    case .procfs: try socket.connect(to: .descriptor(descriptor.number, name))
    case .workingDirectory: try socket.connect(to: SocketAddress(name: name))
    }
    return socket
  }
}

/// A Unix socket's file, open (`O_PATH`): to be looked at, and connected to whatever has its name by then.
package struct SocketFile: ~Copyable {
  private let descriptor: Descriptor
  package let status: FileStatus

  fileprivate init(_ descriptor: consuming Descriptor) throws(Errno) {
    status = try FileStatus(of: descriptor.number)
    self.descriptor = descriptor
  }

  /// True if this process may write to it.
  package var mayBeWritten: Bool { mayAccess(descriptor.number, .write) }

  /// The corresponding C functions are `socket` and `connect`.
  ///
  /// - Precondition: `SocketPath.isExact`.
  /// - Throws: `.wouldBlock` when the backlog is full.
  package func connect(as type: BackendSocket, by way: inout SocketPath) throws(Errno) -> Socket {
    try way.connect(toDescriptor: descriptor.number, as: type)
  }
}

/// How a thread names a socket in a directory to `connect`, which takes a path only.
package struct SocketPath {
  package enum Kind: CaseIterable, Sendable {
    /// From the thread's own working directory, which takes the kernel half the time of the other way.
    case workingDirectory
    /// Through `/proc/self/fd`: where a thread may not have a working directory of its own.
    case procfs
  }

  let kind: Kind
  /// True if a thread can connect to a socket that it has opened (`O_PATH`), whatever has the socket's name by then: through
  /// `/proc/self/fd`.
  package let isExact: Bool
  /// The descriptor of the directory that the thread is known to stand in, or -1.
  private var place: Int32 = -1

  /// The way that works for the calling thread, which it prepares.
  ///
  /// - Throws: if there is none.
  package init() throws(Errno) {
    do throws(Errno) {
      try self.init(.workingDirectory)
    } catch {
      guard Self.descriptors >= 0 else { throw error }
      try self.init(.procfs)
    }
  }

  /// The corresponding C function is `unshare` with `CLONE_FS`.
  package init(_ kind: Kind) throws(Errno) {
    if kind == .workingDirectory { try call { unshare(CLONE_FS) } }
    self.kind = kind
    isExact = Self.descriptors >= 0
  }

  /// True if `connect` is given addresses as long as those of other families.
  package var needsLongAddresses: Bool { kind == .procfs || !isExact }

  /// A connection to the Unix socket that is open as this descriptor. The corresponding C functions are `socket` and
  /// `connect`.
  ///
  /// - Precondition: `isExact`.
  mutating func connect(toDescriptor number: Int32, as type: BackendSocket) throws(Errno) -> Socket {
    let socket = try Socket.unix(type)
    switch kind {
    case .workingDirectory:
      try stand(in: Self.descriptors)
      try socket.connect(to: .short("\(number)"))
    case .procfs:
      try socket.connect(to: .descriptor(number))
    }
    return socket
  }

  /// The directory of this process's descriptors, open for all its life; -1 where there is none.
  private static let descriptors = unsafe linux_openat(AT_FDCWD, "/proc/self/fd", O_PATH | O_DIRECTORY)

  /// The corresponding C function is `fchdir`.
  mutating func stand(in directory: Int32) throws(Errno) {
    guard place != directory else { return }
    try call { fchdir(directory) }
    place = directory
  }

  mutating func standsElsewhere() { place = -1 }
}

private func cString(_ text: StaticString) -> UnsafePointer<CChar> {
  unsafe UnsafeRawPointer(text.utf8Start).assumingMemoryBound(to: CChar.self)
}
