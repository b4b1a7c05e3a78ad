import CLinux
import Glibc

/// An error number of a failed system call (errno(3)).
package struct Errno: Error, Equatable, Sendable {
  package let code: Int32

  package init(_ code: Int32) { self.code = code }

  static var current: Errno { Errno(errno) }

  package static var addressFamilyNotSupported: Errno { Errno(EAFNOSUPPORT) }
  package static var addressInUse: Errno { Errno(EADDRINUSE) }
  package static var addressNotAvailable: Errno { Errno(EADDRNOTAVAIL) }
  package static var brokenPipe: Errno { Errno(EPIPE) }
  package static var connectionRefused: Errno { Errno(ECONNREFUSED) }
  package static var connectionReset: Errno { Errno(ECONNRESET) }
  package static var inProgress: Errno { Errno(EINPROGRESS) }
  package static var interrupted: Errno { Errno(EINTR) }
  package static var invalidArgument: Errno { Errno(EINVAL) }
  package static var nameTooLong: Errno { Errno(ENAMETOOLONG) }
  package static var noMemory: Errno { Errno(ENOMEM) }
  package static var noSuchFileOrDirectory: Errno { Errno(ENOENT) }
  package static var noSuchSystemCall: Errno { Errno(ENOSYS) }
  package static var notDirectory: Errno { Errno(ENOTDIR) }
  package static var notPermitted: Errno { Errno(EPERM) }
  package static var permissionDenied: Errno { Errno(EACCES) }
  package static var readOnly: Errno { Errno(EROFS) }
  package static var timedOut: Errno { Errno(ETIMEDOUT) }
  package static var tooLarge: Errno { Errno(EFBIG) }
  package static var tooManyLinks: Errno { Errno(ELOOP) }
  package static var tooManyReferences: Errno { Errno(ETOOMANYREFS) }
  package static var wrongType: Errno { Errno(EPROTOTYPE) }
  package static var wouldBlock: Errno { Errno(EAGAIN) }
}

extension Errno {
  /// True if the machine has run out of something, or this user of their share of it. The file is as well as before.
  package var isShortage: Bool { [ENOMEM, ENOBUFS, ENOSPC, EMFILE, ENFILE].contains(code) }

  /// True of `accept` if a connection broke before it was accepted, so that the next one may be well: accept(2) names the
  /// errors that the new socket itself may have, and asks to go on as if there had been none.
  package var isOfOneConnection: Bool {
    [
      ECONNABORTED, ENETDOWN, EPROTO, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, EOPNOTSUPP, ENETUNREACH, ETIMEDOUT,
    ].contains(code)
  }
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
