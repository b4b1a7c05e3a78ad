import CLinux
import Glibc

/// What a user may do with a file.
package enum Access: Sendable {
  /// To look up names in a directory.
  case search
  /// To connect to a Unix socket (unix(7)).
  case write

  fileprivate var bit: Int32 { self == .search ? X_OK : W_OK }

  /// The same in an access control list.
  package var permission: AccessList.Permissions { self == .search ? 1 : 2 }

  var otherBit: mode_t { self == .search ? S_IXOTH : S_IWOTH }
}

/// True if this process may, by mode and access control lists, with the user and group that it has now.
///
/// The corresponding C function is `faccessat` with `AT_EACCESS` and `AT_EMPTY_PATH`.
func mayAccess(_ number: Int32, _ access: Access) -> Bool {
  unsafe faccessat(number, "", access.bit, AT_EACCESS | AT_EMPTY_PATH) == 0
}

extension Directory {
  package var mayBeSearched: Bool { mayAccess(number, .search) }

  /// The names in it but "." and "..", and whether these are all, in no order. It takes read permission.
  ///
  /// The corresponding C functions are `openat`, `fdopendir` and `readdir`.
  ///
  /// - Parameter limit: reads no more than so many.
  package func names(atMost limit: Int) throws(Errno) -> (names: [[UInt8]], areAll: Bool) {
    let place = number
    let opened = try call { unsafe linux_openat(place, ".", O_RDONLY | O_DIRECTORY) }
    guard let stream = unsafe fdopendir(opened) else {
      let error = Errno.current
      close(opened)
      throw error
    }
    defer { unsafe closedir(stream) }
    var names: [[UInt8]] = []
    while true {
      errno = 0
      guard let entry = unsafe readdir(stream) else {
        guard errno == 0 else { throw Errno.current }
        return (names, true)
      }
      let offset = MemoryLayout<dirent>.offset(of: \dirent.d_name)!
      let start = unsafe UnsafeRawPointer(entry).advanced(by: offset).assumingMemoryBound(to: CChar.self)
      let name = unsafe Array(UnsafeRawBufferPointer(start: start, count: strlen(start)))
      if name == [0x2e] || name == [0x2e, 0x2e] { continue }
      guard names.count < limit else { return (names, false) }
      names.append(name)
    }
  }
}
