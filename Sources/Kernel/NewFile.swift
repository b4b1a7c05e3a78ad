import CLinux
import Glibc

/// A file that takes the place of another one at once and whole. One that never does is removed.
package final class NewFile {
  private let directory: Descriptor
  private let name: String
  private let descriptor: Descriptor
  private let temporaryName: String
  private let mode: mode_t
  private var isTemporary = true

  /// Makes an empty file next to `path`, which gets this mode with its name: until then nobody else can open or lock it. The
  /// corresponding C function is `openat` with `O_EXCL`, which follows no link.
  ///
  /// - Throws: `.invalidArgument` if the path does not name a file.
  package init(for path: String, mode: UInt32) throws(Errno) {
    let end = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    name = String(end.map { path[path.index(after: $0)...] } ?? path[...])
    guard !["", ".", ".."].contains(name) else { throw .invalidArgument }
    let above = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    directory = Descriptor(owning: try call { unsafe linux_openat(AT_FDCWD, above, O_PATH | O_DIRECTORY) })
    // Its length does not depend on that of the name, which may be as long as names can be.
    temporaryName = ".sniproxy-\(String(UInt64.random(in: .min ... .max), radix: 16))"
    let place = directory.number
    let (temporary, flags) = (temporaryName, O_RDWR | O_CREAT | O_EXCL)
    descriptor = Descriptor(owning: try call { unsafe linux_create(place, temporary, flags, 0o600) })
    self.mode = mode
  }

  deinit { if isTemporary { unsafe unlinkat(directory.number, temporaryName, 0) } }

  /// What is at its place now. The corresponding C function is `fstatat` with `AT_SYMLINK_NOFOLLOW`.
  package func present() throws(Errno) -> Present {
    var status = stat()
    do throws(Errno) {
      try call { unsafe fstatat(directory.number, name, &status, AT_SYMLINK_NOFOLLOW) }
    } catch .noSuchFileOrDirectory {
      return .nothing
    }
    switch status.st_mode & S_IFMT {
    case S_IFLNK: return .link
    case S_IFREG:
      let flags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK
      return .file(OpenFile(Descriptor(owning: try call { unsafe linux_openat(directory.number, name, flags) })))
    default: return .other
    }
  }

  package enum Present: ~Copyable {
    case nothing
    /// Itself, and not what it leads to.
    case link
    case file(OpenFile)
    case other
  }

  /// Gives it this many words of the file system's room, all 0, and shares them as memory: a full disk is met here and not when
  /// they are written. The corresponding C functions are `posix_fallocate` and `mmap` with `MAP_SHARED`.
  ///
  /// - Parameter loss: an eventfd that is signalled when somebody has cut the file short. The memory is there all the same, but
  ///   no longer the file's.
  package func words(_ count: Int, tellingLossBy loss: Int32) throws(Errno) -> Words {
    let status = posix_fallocate(descriptor.number, 0, count * 8)
    guard status == 0 else { throw Errno(status) }
    let memory = unsafe mmap(nil, count * 8, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor.number, 0)
    guard unsafe memory != MAP_FAILED, let memory = unsafe memory else { throw Errno.current }
    try call { unsafe linux_outlive_file(memory, count * 8, loss) }
    return unsafe Words(at: memory, count: count)
  }

  /// Tells others that this process lives, for as long as the result does.
  package func sign() throws(Errno) -> LifeSign {
    let (place, temporary) = (directory.number, temporaryName)
    let sign = try LifeSign(
      mapping: Descriptor(owning: try call { unsafe linux_openat(place, temporary, O_RDWR) }))
    guard try call({ linux_is_held(descriptor.number, Int16(F_RDLCK)) }) == 0 else { return sign }
    return try LifeSign(keeping: Descriptor(owning: try call { unsafe linux_openat(place, temporary, O_RDONLY) }))
  }

  /// Gives it its name. What had it before, be it a link, has it no more; who has that open keeps it. The corresponding C
  /// functions are `fchmod` and `renameat`.
  package func takePlace() throws(Errno) {
    try call { fchmod(descriptor.number, mode) }
    try call { unsafe renameat(directory.number, temporaryName, directory.number, name) }
    isTemporary = false
  }
}
