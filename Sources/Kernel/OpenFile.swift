import CLinux
import Glibc

/// A file that is read.
package struct OpenFile: ~Copyable {
  private let descriptor: Descriptor

  /// Never waits, whatever the path leads to. The corresponding C function is `open` with `O_NONBLOCK`.
  package init(path: String) throws(Errno) {
    descriptor = Descriptor(owning: try call { unsafe linux_openat(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY) })
  }

  init(_ descriptor: consuming Descriptor) { self.descriptor = descriptor }

  /// False for directories, devices, pipes and sockets. The corresponding C function is `fstat`.
  package var isRegular: Bool {
    get throws(Errno) {
      var status = stat()
      try call { unsafe fstat(descriptor.number, &status) }
      return status.st_mode & S_IFMT == S_IFREG
    }
  }

  /// The first bytes, as they are now. The corresponding C function is `pread`.
  package func bytes(most: Int) throws(Errno) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: most)
    var count = 0
    while count < most {
      let before = count
      let moved = try call {
        unsafe bytes.withUnsafeMutableBytes {
          unsafe pread(descriptor.number, $0.baseAddress! + before, most - before, before)
        }
      }
      guard moved > 0 else { break }
      count += moved
    }
    bytes.removeLast(most - count)
    return bytes
  }

  /// True while the process that made it lives, and has its `LifeSign`. The corresponding C function is `fcntl` with
  /// `F_OFD_GETLK`, which takes no lock.
  package var hasLifeSign: Bool {
    get throws(Errno) { try call { linux_is_held(descriptor.number) } == 1 }
  }
}
