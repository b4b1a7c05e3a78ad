import CBench
import Glibc

/// The one backend of all names: a listening Unix socket.
public final class Backend {
  public let path: String
  let listener: Int32

  public init(at path: String) throws(Failure) {
    self.path = path
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let room = MemoryLayout.size(ofValue: address.sun_path)
    guard path.utf8.count < room else { throw Failure("\(path): too long for the address of a socket") }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    listener = try checked("socket", bench_socket(AF_UNIX))
    unlink(path)
    if bench_bind_unix(listener, &address) == -1 { throw .of("bind to \(path)") }
    // Some proxies run as another user.
    if chmod(path, 0o777) == -1 { throw .of("chmod") }
    _ = try checked("listen", listen(listener, 65535))
  }

  deinit {
    close(listener)
    unlink(path)
  }

  /// The next waiting connection, or nil.
  @inline(__always)
  func accept() throws(Failure) -> Int32? {
    let socket = bench_accept(listener)
    if socket >= 0 { return socket }
    if errno == EAGAIN || errno == EINTR || errno == ECONNABORTED { return nil }
    throw .of("accept of the backend")
  }
}
