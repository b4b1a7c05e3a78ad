import CLinux
import Glibc

/// An error number of a failed system call (errno(3)).
package struct Errno: Error, Equatable, Sendable {
  package let code: Int32

  package init(_ code: Int32) { self.code = code }

  static var current: Errno { Errno(errno) }

  package static let addressFamilyNotSupported = Errno(EAFNOSUPPORT)
  package static let addressInUse = Errno(EADDRINUSE)
  package static let addressNotAvailable = Errno(EADDRNOTAVAIL)
  package static let brokenPipe = Errno(EPIPE)
  package static let connectionAborted = Errno(ECONNABORTED)
  package static let connectionRefused = Errno(ECONNREFUSED)
  package static let connectionReset = Errno(ECONNRESET)
  package static let interrupted = Errno(EINTR)
  package static let nameTooLong = Errno(ENAMETOOLONG)
  package static let noSuchFileOrDirectory = Errno(ENOENT)
  package static let notDirectory = Errno(ENOTDIR)
  package static let permissionDenied = Errno(EACCES)
  package static let wouldBlock = Errno(EAGAIN)
}

extension Errno: CustomStringConvertible {
  /// "Connection refused (ECONNREFUSED)", as strerror(3) has it.
  package var description: String {
    guard let text = unsafe strerrordesc_np(code), let name = unsafe strerrorname_np(code) else {
      return "error \(code)"
    }
    return unsafe "\(String(cString: text)) (\(String(cString: name)))"
  }
}

/// Makes a system call, again for as long as a signal interrupts it.
@discardableResult
func call<Result: SignedInteger>(_ body: () -> Result) throws(Errno) -> Result {
  while true {
    let result = body()
    if result >= 0 { return result }
    let error = Errno.current
    guard error == .interrupted else { throw error }
  }
}
