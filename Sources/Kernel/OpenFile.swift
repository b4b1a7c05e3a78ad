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
    var bytes: [UInt8] = []
    while bytes.count < most {
      let (place, room) = (bytes.count, min(most - bytes.count, Self.piece))
      let piece = try unsafe [UInt8](unsafeUninitializedCapacity: room) { piece, count throws(Errno) in
        count = try call { unsafe pread(descriptor.number, piece.baseAddress!, room, place) }
      }
      guard !piece.isEmpty else { break }
      bytes += piece
    }
    return bytes
  }

  /// True while the process that made it lives, and has a `LifeSign` of this kind. The corresponding C function is `fcntl` with
  /// `F_OFD_GETLK`, which takes no lock.
  package func hasLifeSign(_ kind: LifeSign.Kind) throws(Errno) -> Bool {
    // A read lock would be let in beside other read locks.
    let type = kind == .exclusive ? F_RDLCK : F_WRLCK
    return try call { linux_is_held(descriptor.number, Int16(type)) } == 1
  }

  private static let piece = 65_536
}
