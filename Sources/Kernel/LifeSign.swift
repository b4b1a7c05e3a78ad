import CLinux
import Glibc

/// Says, while it is there, that the process that made a file lives: a lock, so that the kernel ends it with the process. The
/// corresponding C function is `fcntl` with `F_OFD_SETLK`.
@safe package struct LifeSign: ~Copyable, @unchecked Sendable {
  package enum Kind: Sendable {
    /// A write lock: only who may write to the file can have one.
    case exclusive
    /// A read lock, which everybody who may read the file can take too.
    case shared
  }

  package let kind: Kind
  private let memory: UnsafeMutableRawPointer?
  private let descriptor: Descriptor?

  /// A write lock takes a descriptor that is open for writing, by which the file could be lengthened. So it is closed: memory of
  /// the file, though nothing may be done with it, keeps the lock. On overlay file systems it does not: there the memory is of
  /// the file below.
  init(mapping file: consuming Descriptor) throws(Errno) {
    let number = file.number
    try call { linux_hold(number, Int16(F_WRLCK)) }
    let mapped = unsafe mmap(nil, Self.length, PROT_NONE, MAP_SHARED, number, 0)
    guard unsafe mapped != MAP_FAILED else { throw Errno.current }
    unsafe memory = mapped
    descriptor = nil
    kind = .exclusive
  }

  /// - Parameter file: open for reading only, so that nothing can be written by it.
  init(keeping file: consuming Descriptor) throws(Errno) {
    let number = file.number
    try call { linux_hold(number, Int16(F_RDLCK)) }
    unsafe memory = nil
    descriptor = consume file
    kind = .shared
  }

  deinit { if let memory = unsafe memory { unsafe munmap(memory, Self.length) } }

  private static let length = 1
}
