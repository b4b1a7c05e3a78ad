import CLinux
import Glibc

/// What a symbolic link says, and what is on the way that it tells.
package struct Link {
  private let directory: Int32
  private var path = InlineArray<256, UInt8>(repeating: 0)
  private let count: Int

  /// nil if there is a file of this name that is no link. The corresponding C function is `readlinkat`.
  init?(_ name: UnsafePointer<CChar>, in directory: Int32) throws(Errno) {
    self.directory = directory
    var path = path
    do throws(Errno) {
      var span = path.mutableSpan
      count = try call {
        unsafe span.withUnsafeMutableBytes {
          unsafe readlinkat(directory, name, $0.assumingMemoryBound(to: CChar.self).baseAddress!, $0.count)
        }
      }
    } catch .invalidArgument {
      return nil
    }
    self.path = path
  }

  package var isAbsolute: Bool { path[0] == Self.slash }

  /// Looks at each file on the way, from the first to the one at the end, without opening it or following it.
  ///
  /// The corresponding C function is `fstatat` with `AT_SYMLINK_NOFOLLOW`.
  ///
  /// - Returns: false as soon as `body` does, and where the way is not a plain one: where it is long, or has no steps, or
  ///   such as "..".
  package func allSteps(_ body: (FileStatus, _ isLast: Bool) -> Bool) throws(Errno) -> Bool {
    var path = path
    var start = isAbsolute ? 1 : 0
    guard count > start, count < path.count else { return false }
    while start < count {
      let end = (start..<count).first { path[$0] == Self.slash } ?? count
      guard end > start, path[start] != UInt8(ascii: "."), end + 1 != count else { return false }
      path[end] = 0
      var span = path.mutableSpan
      let status = try unsafe span.withUnsafeMutableBytes { bytes throws(Errno) in
        try unsafe FileStatus(of: bytes.assumingMemoryBound(to: CChar.self).baseAddress!, in: directory)
      }
      guard body(status, end == count) else { return false }
      path[end] = Self.slash
      start = end + 1
    }
    return true
  }

  private static let slash = UInt8(ascii: "/")
}
