import CLinux
import Glibc

/// What is in a file, or in standard input ("-"), to its end.
///
/// The corresponding C functions are `open` and `read`.
///
/// - Parameter limit: of an endless one no more than so many bytes.
package func contents(of path: String, atMost limit: Int) throws(Errno) -> [UInt8] {
  let isStandardInput = path == "-"
  let file = Descriptor(
    owning: isStandardInput
      ? try Descriptor.duplicate(STDIN_FILENO) : try call { unsafe linux_openat(AT_FDCWD, path, O_RDONLY) })
  let number = file.number
  var bytes: [UInt8] = []
  while bytes.count < limit {
    let wanted = min(limit - bytes.count, 65_536)
    let part = try unsafe [UInt8](unsafeUninitializedCapacity: wanted) { buffer, count throws(Errno) in
      count = try call { unsafe read(number, buffer.baseAddress!, wanted) }
    }
    if part.isEmpty { break }
    bytes += part
  }
  return bytes
}
