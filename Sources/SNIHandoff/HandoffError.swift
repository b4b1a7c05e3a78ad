internal import Glibc

/// Why a receiver cannot be made, or cannot give a client now.
public enum HandoffError: Error, Hashable, Sendable {
  /// Another process listens there, or something is there that is no socket.
  case occupied(path: String)
  case noSuchUser(String)
  /// The descriptor is no listening Unix socket of type `SOCK_SEQPACKET`.
  case notAListener(descriptor: Int32)
  /// A system call failed: what was being done, on what, and the error number (errno(3)).
  case failed(action: String, subject: String, code: Int32)

  /// True if the machine, or this process, has run out of something. The receiver is as well as before, and what waits goes
  /// on waiting: try again, but not at once.
  public var isShortage: Bool {
    guard case .failed(_, _, let code) = self else { return false }
    return [EMFILE, ENFILE, ENOBUFS, ENOMEM].contains(code)
  }

  static func current(_ action: String, _ subject: String) -> HandoffError {
    .failed(action: action, subject: subject, code: errno)
  }
}

extension HandoffError: CustomStringConvertible {
  public var description: String {
    switch self {
    case .occupied(let path):
      "listening: \(path): another process listens there, or it is no socket: end that, or remove it"
    case .noSuchUser(let name): "looking up the user: \(name): there is no such user"
    case .notAListener(let descriptor):
      "taking over the listening socket: descriptor \(descriptor): it is no listening Unix socket of type SOCK_SEQPACKET: "
        + "name it with ListenSequentialPacket= in a socket unit"
    case .failed(let action, let subject, let code): unsafe "\(action): \(subject): \(String(cString: strerror(code)))"
    }
  }
}
