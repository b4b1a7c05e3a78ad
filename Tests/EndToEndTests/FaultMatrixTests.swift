import Foundation
import Testing

/// Each system call of the relay fails in the ways that its man page tells, now and then, or for as long as clients come. The
/// program lives on and comes to rest, nothing is left over, a session beside it does not notice, and whom it hits is told.
@Suite(.scratch)
struct FaultMatrixTests {
  static let matrix = [
    // Clients wait in the backlog meanwhile.
    Row(.workers, "accept4", "EMFILE ENFILE ENOBUFS ENOMEM EPERM", .none),
    Row(.workers, "accept4", "EINTR EAGAIN", .none, [.sometimes]),
    // A client's connection broke before it was accepted.
    Row(.workers, "accept4", "ECONNABORTED EPROTO ENETDOWN ENOPROTOOPT EHOSTDOWN ENONET", .none),
    Row(.workers, "accept4", "EHOSTUNREACH EOPNOTSUPP ENETUNREACH ETIMEDOUT", .none),

    Row(.sickWorker, "epoll_wait", "EINTR", .none, [.sometimes]),
    Row(.sickWorker, "epoll_ctl", "ENOMEM ENOSPC", .refusedOrCut(80)),

    // The look-up, and the way to the backend.
    Row(.sickWorker, "newfstatat", "EACCES ENOENT ENOTDIR", .refused(112)),
    Row(.sickWorker, "newfstatat", "EIO ELOOP ENOMEM ESTALE", .refused(80)),
    Row(.sickWorker, "newfstatat", "EINTR", .none, [.sometimes]),
    Row(.sickWorker, "fchdir", "EACCES", .refused(112)),
    Row(.sickWorker, "fchdir", "EIO ENOMEM ESTALE", .refused(80)),
    Row(.sickWorker, "fchdir", "EINTR", .none, [.sometimes]),
    Row(.sickWorker, "chdir", "EACCES ENOENT ENOTDIR", .refused(112)),
    Row(.sickWorker, "chdir", "EIO ELOOP ENOMEM ESTALE", .refused(80)),
    Row(.sickWorker, "chdir", "EINTR", .none, [.sometimes]),
    Row(.sickWorker, "openat", "EACCES ENOENT ENOTDIR", .refused(112)),
    Row(.sickWorker, "openat", "EMFILE ENFILE ENOMEM ELOOP EIO ESTALE", .refused(80)),
    Row(.sickWorker, "openat", "EINTR", .none, [.sometimes]),
    Row(.sickWorker, "readlinkat", "EACCES ENOENT ENOTDIR", .refused(112)),
    Row(.sickWorker, "readlinkat", "EINVAL EIO ELOOP ENOMEM", .refused(80)),
    Row(.sickWorker, "readlinkat", "EINTR", .none, [.sometimes]),
    Row(.sickWorker, "fstatfs", "EACCES", .refused(112)),
    Row(.sickWorker, "fstatfs", "EIO ENOMEM ENOSYS", .refused(80)),
    Row(.sickWorker, "fstatfs", "EINTR", .none, [.sometimes]),
    Row(.sickWorker, "faccessat2", "EACCES", .refused(112)),
    Row(.sickWorker, "faccessat2", "EIO ELOOP ENOMEM ENOTDIR ENAMETOOLONG", .refused(80)),
    Row(.sickWorker, "faccessat2", "EINTR", .none, [.sometimes]),
    Row(.sickWorker, "socket", "EMFILE ENFILE ENOBUFS ENOMEM EAFNOSUPPORT", .refused(80)),
    Row(.sickWorker, "connect", "EACCES", .refused(112)),
    Row(.sickWorker, "connect", "EPERM ENOMEM ENOBUFS EPROTOTYPE ETIMEDOUT", .refused(80)),
    // Tried again: once, or until the backlog has room.
    Row(.sickWorker, "connect", "ECONNREFUSED EAGAIN", .refused(80), [.always]),
    Row(.sickWorker, "connect", "ECONNREFUSED EAGAIN EINTR", .none, [.sometimes]),
    Row(.sickWorker, "getsockname", "ENOBUFS ENOMEM", .refused(80)),

    // The ClientHello and the bytes.
    Row(.sickWorker, "recvfrom", "EINTR", .none, [.sometimes]),
    Row(.sickWorker, "recvfrom", "ENOMEM ECONNRESET ETIMEDOUT", .refusedOrCut(80)),
    Row(.sickWorker, "recvmsg", "EINTR", .none, [.sometimes]),
    Row(.sickWorker, "recvmsg", "ENOMEM ECONNRESET", .refusedOrCut(80)),
    Row(.sickWorker, "sendto", "EINTR", .none, [.sometimes]),
    Row(.sickWorker, "sendto", "EPIPE ECONNRESET ENOBUFS ENOMEM", .cut),
    Row(.sickWorker, "splice", "EINTR", .none, [.sometimes]),
    Row(.sickWorker, "splice", "ENOMEM EINVAL EPERM ENOSYS", .none),
    Row(.sickWorker, "splice", "EPIPE ECONNRESET", .cut),
    Row(.sickWorker, "pipe2", "EMFILE ENFILE", .none),
    // A pipe is as small as it was made, but a client that cannot be made to block is not handed over.
    Row(.sickWorker, "fcntl", "EPERM EBUSY ENOMEM EINVAL", .refused(80)),
    // A client whose ClientHello cannot be left in the kernel is not handed over, and there it has no other way.
    Row(.sickWorker, "setsockopt", "ENOPROTOOPT EINVAL", .refusedOrCut(112)),
    Row(.sickWorker, "getsockopt", "ENOMEM ENOPROTOOPT", .none),
    Row(.sickWorker, "ioctl", "EINVAL ENOTTY", .none),
    Row(.sickWorker, "sendmsg", "EPERM ENOBUFS ENOMEM", .refused(80)),
    // Tried again: a few times, or until fewer descriptors are on their way.
    Row(.sickWorker, "sendmsg", "EPIPE ECONNRESET ETOOMANYREFS", .refused(80), [.always]),
    Row(.sickWorker, "sendmsg", "EPIPE ECONNRESET ETOOMANYREFS EINTR", .none, [.sometimes]),
    // The workers tell the log.
    Row(.sickWorker, "write", "EINTR", .none, [.sometimes]),

    Row(.log, "write", "EDQUOT EFBIG EIO ENOSPC EPERM EPIPE", .none),
    Row(.log, "write", "EINTR EAGAIN", .none, [.sometimes]),
    Row(.log, "poll", "EINTR ENOMEM", .none, [.sometimes]),
    Row(.log, "read", "EINTR EAGAIN", .none, [.sometimes]),
  ]

  /// Where threads may not have working directories of their own, entries are opened.
  static let matrixWithoutUnshare = [
    Row(.sickWorker, "openat", "EACCES ENOENT ENOTDIR", .refused(112)),
    Row(.sickWorker, "openat", "EMFILE ENFILE ENOMEM ELOOP EIO ESTALE", .refused(80)),
    Row(.sickWorker, "openat", "EINTR", .none, [.sometimes]),
    Row(.sickWorker, "connect", "EACCES ENOENT", .refused(112)),
    Row(.sickWorker, "connect", "ENOMEM ELOOP", .refused(80)),
  ]

  /// What the running relay calls too, and why it does not fail here.
  static let leftOut = [
    "close": "the descriptor is closed whatever it says (close(2)), but not if strace lets it fail",
    "shutdown": "it fails only where the connection is gone",
    "futex": "of the standard library's locks and glibc's",
    "gettid": "of the standard library's locks",
    "mmap": "of malloc(3), which every Swift program needs to succeed",
    "munmap": "of malloc(3)",
    "mprotect": "of malloc(3)",
    "madvise": "of malloc(3)",
    "brk": "of malloc(3)",
    "uname": "once in the life of the program; never fails",
    "restart_syscall": "how strace shows a call that it came upon",
  ]

  @Test(.requires("strace"), arguments: Fault.all(matrix))
  func `a system call fails`(_ fault: Fault) throws {
    let relay = try WatchedRelay()
    try relay.expectToBear(fault)
    try relay.expectToEndWell()
  }

  @Test(.requires("strace"), arguments: Fault.all(matrixWithoutUnshare))
  func `a system call fails where unshare is forbidden`(_ fault: Fault) throws {
    let relay = try WatchedRelay(withoutUnshare: true)
    try relay.expectToBear(fault)
    try relay.expectToEndWell()
  }

  @Test(.requires("strace"), .notSanitized("a sanitizer makes system calls of its own"))
  func `every system call of the running relay is in the matrix`() throws {
    let calls = try WatchedRelay().calls()
    let missing = calls.subtracting(Self.matrix.map(\.call)).subtracting(Self.leftOut.keys)
    #expect(missing.isEmpty)
    // What is in the matrix is there because it is made.
    #expect(Set(Self.matrix.map(\.call)).subtracting(calls).isEmpty)
  }
}

extension FaultMatrixTests {
  /// Whose calls fail.
  enum Thread {
    /// The worker that does not have the healthy session, or both.
    case sickWorker, workers
    case log
  }

  /// What becomes of the clients whom it hits. Those whom it does not hit are served.
  enum Consequence {
    /// They are served all the same, if later.
    case none
    /// They get this alert.
    case refused(UInt8)
    /// They were relayed already, and their connection is closed or reset.
    case cut
    /// One of the two.
    case refusedOrCut(UInt8)

    func explains(_ outcome: MixedLoad.Outcome) -> Bool {
      switch (self, outcome) {
      case (_, .asWithoutFault), (.cut, .cut), (.refusedOrCut, .cut): true
      case (.refused(let alert), .refused(let got)), (.refusedOrCut(let alert), .refused(let got)): got == alert
      default: false
      }
    }
  }

  struct Row {
    let thread: Thread
    let call: String
    let errors: [String]
    let consequence: Consequence
    let whens: [Injection.When]

    init(
      _ thread: Thread, _ call: String, _ errors: String, _ consequence: Consequence,
      _ whens: [Injection.When] = [.sometimes, .always]
    ) {
      self.thread = thread
      self.call = call
      self.errors = errors.split(separator: " ").map(String.init)
      self.consequence = consequence
      self.whens = whens
    }
  }

  /// A cell of the matrix.
  struct Fault: CustomTestStringConvertible {
    let row: Row
    let error: String
    let when: Injection.When

    static func all(_ matrix: [Row]) -> [Fault] {
      matrix.flatMap { row in
        row.errors.flatMap { error in row.whens.map { Fault(row: row, error: error, when: $0) } }
      }
    }

    var testDescription: String { "\(row.call) \(when) fails with \(error)" }

    /// What fails always does not go unnoticed.
    var isNoticed: Bool {
      if case .none = row.consequence { return false }
      return when == .always
    }

    /// A shortage is for the administrator to end, so the log says what is short.
    var mustBeTold: Bool {
      guard ["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "ENOSPC", "EIO"].contains(error), row.thread != .log else {
        return false
      }
      return isNoticed || row.call == "accept4"
    }
  }
}
