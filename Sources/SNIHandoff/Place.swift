internal import CHandoff
internal import Glibc

/// Where `tls-handoff` is to be.
struct Place: ~Copyable {
  private let directory: OwnedDescriptor
  private let path: String

  init(_ path: String) throws(HandoffError) {
    let number = unsafe handoff_directory(path)
    guard number >= 0 else { throw .current("opening the host directory", path) }
    directory = OwnedDescriptor(number: number)
    self.path = path
  }

  /// A socket that listens there.
  ///
  /// It has another name until it listens, so that nobody finds one that does not.
  func listen(mode: UInt32, backlog: Int32) throws(HandoffError) -> OwnedDescriptor {
    lock()
    defer { flock(directory.number, LOCK_UN) }
    try demandNobody()
    let number = handoff_socket()
    guard number >= 0 else { throw .current("making a socket", subject) }
    let listening = OwnedDescriptor(number: number)
    let name = ".\(Self.name).\(getpid())"
    // Of a process that had this number and died.
    _ = unsafe unlinkat(directory.number, name, 0)
    guard unsafe handoff_bind(number, directory.number, name) == 0 else { throw .current("making a socket", subject) }
    guard unsafe fchmodat(directory.number, name, mode, 0) == 0, Glibc.listen(number, backlog) == 0,
      unsafe renameat(directory.number, name, directory.number, Self.name) == 0
    else {
      let error = HandoffError.current("listening", subject)
      _ = unsafe unlinkat(directory.number, name, 0)
      throw error
    }
    return listening
  }

  /// Nothing is there, or a socket that a dead process has left behind.
  private func demandNobody() throws(HandoffError) {
    switch unsafe handoff_has_socket(directory.number, Self.name) {
    case 0: return
    case 1: break
    case -2: throw .occupied(path: subject)
    default: throw .current("looking at the socket", subject)
    }
    let probe = handoff_socket()
    guard probe >= 0 else { throw .current("making a socket", subject) }
    defer { close(probe) }
    guard unsafe handoff_connect(probe, directory.number, Self.name) != 0 else { throw .occupied(path: subject) }
    switch errno {
    case ECONNREFUSED, ENOENT: return
    // A full backlog, or a socket of another type.
    case EAGAIN, EPROTOTYPE: throw .occupied(path: subject)
    default: throw .current("looking whether somebody listens", subject)
    }
  }

  /// Keeps others from replacing a stale socket at the same time. Anybody who may read the directory can hold the lock, but
  /// nobody who means well does for long. The corresponding C function is `flock`.
  private func lock() {
    for _ in 0..<50 where flock(directory.number, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK { usleep(20_000) }
  }

  private var subject: String { "\(path)/\(Self.name)" }
  private static let name = "tls-handoff"
}
