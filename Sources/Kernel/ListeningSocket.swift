import CLinux
import Glibc
package import Wire

/// A listening stream socket that workers share. It is closed, and a Unix listener's own file removed, when the last of
/// them has let go of it.
package final class ListeningSocket: Sendable {
  private let descriptor: Descriptor
  /// For people: `127.0.0.1:8443`, `unix:/run/sniproxy.sock`.
  package let name: String
  package let isInternet: Bool
  package let kind: StreamKind
  package let options: InheritedOptions
  /// Of a Unix listener's own file.
  private let file: (path: String, identity: FileIdentity)?

  package var number: Int32 { descriptor.number }
  /// The directory of a Unix listener's own file; nil if it has none.
  package var directory: String? {
    guard let file, let end = file.path.lastIndex(of: "/") else { return nil }
    return end == file.path.startIndex ? "/" : String(file.path[..<end])
  }

  /// Takes over a descriptor that listens already.
  package init(adopting number: Int32) throws(Errno) {
    descriptor = Descriptor(owning: number)
    let endpoint = try SocketAddress(localOf: number).endpoint
    isInternet = endpoint != .local
    name = isInternet ? "\(endpoint)" : Self.unixName(number)
    kind = Self.kind(number)
    file = nil
    options = try Self.prepare(number, isInternet)
  }

  /// Binds and listens. The corresponding C functions are `socket`, `bind` and `listen`.
  package init(_ address: ListenAddress) throws(Errno) {
    var lock = Descriptor(owning: -1)
    switch address {
    case .internet(let address, let port, let scope):
      var onlyV6: Bool?
      if case .v6 = address { onlyV6 = address.unmapped == address }
      descriptor = try Self.bound(SocketAddress(address, port: port, scope: scope), onlyV6: onlyV6)
      file = nil
    case .anyAddress(let port):
      descriptor = try Self.boundToAnyAddress(port)
      file = nil
    case .unix(let path):
      guard let address = SocketAddress(path: Array(path.utf8)) else { throw .nameTooLong }
      lock = Self.lock(directoryOf: path)
      descriptor = try Self.boundReplacingStale(address, path)
      // Absolute, since the thread that removes it may be in another directory by then.
      let directory = path.hasPrefix("/") ? "" : "\(workingDirectory())/"
      file = FileIdentity(path: path).map { (directory + path, $0) }
    }
    let endpoint = try SocketAddress(localOf: descriptor.number).endpoint
    isInternet = endpoint != .local
    kind = Self.kind(descriptor.number)
    name = if case .unix(let path) = address { "unix:\(path)" } else { "\(endpoint)" }
    let number = descriptor.number
    try call { listen(number, SOMAXCONN) }
    _ = consume lock
    options = try Self.prepare(number, isInternet)
  }

  deinit { removeFile() }

  /// True for a stream socket on which `listen` was called (`SO_ACCEPTCONN`, socket(7)).
  package static func isListening(_ number: Int32) -> Bool {
    intOption(number, SOL_SOCKET, SO_ACCEPTCONN) == 1
      && intOption(number, SOL_SOCKET, SO_TYPE) == linux_SOCK_STREAM
  }

  /// A client, or nil when none is waiting. The corresponding C function is `accept4`.
  package func accept() throws(Errno) -> Accepted? {
    var client: Int32 = -1
    do throws(Errno) {
      let address = unsafe try SocketAddress { address, length throws(Errno) in
        client = try call { unsafe linux_accept(number, address, length) }
      }
      // Only Internet sockets inherit it.
      if !isInternet { try? setOption(client, SOL_SOCKET, SO_OOBINLINE, Int32(1)) }
      return Accepted(socket: Socket(owning: client), endpoint: address.endpoint)
    } catch .wouldBlock {
      return nil
    }
  }

  /// A client's connection and where it comes from.
  package struct Accepted: ~Copyable {
    private let socket: Socket
    package let endpoint: Endpoint

    init(socket: consuming Socket, endpoint: Endpoint) {
      self.socket = socket
      self.endpoint = endpoint
    }

    package consuming func takeSocket() -> Socket { socket }
  }

  /// Removes a Unix listener's file if it is still the one that `bind` made.
  package func removeFile() {
    guard let file, FileIdentity(path: file.path) == file.identity else { return }
    unsafe unlink(file.path)
  }

  private static func prepare(_ number: Int32, _ isInternet: Bool) throws(Errno) -> InheritedOptions {
    // The flag belongs to the open socket, not to this descriptor of it: it stays set for others, also afterwards, since
    // a new copy may be accepting by then.
    try setNonBlocking(number)
    return isInternet ? InheritedOptions(on: number) : InheritedOptions()
  }

  private static func kind(_ number: Int32) -> StreamKind {
    if intOption(number, SOL_SOCKET, SO_DOMAIN) == AF_UNIX { return .unix }
    let protocols = [Int32(IPPROTO_TCP), Int32(IPPROTO_MPTCP)]
    guard let own = intOption(number, SOL_SOCKET, SO_PROTOCOL), protocols.contains(own) else { return .other }
    return .tcp
  }

  private static func bound(_ address: SocketAddress, onlyV6: Bool? = nil) throws(Errno) -> Descriptor {
    let descriptor = Descriptor(owning: try call { linux_stream_socket(address.family) })
    if address.family != AF_UNIX { try setOption(descriptor.number, SOL_SOCKET, SO_REUSEADDR, Int32(1)) }
    if let onlyV6 {
      try setOption(descriptor.number, Int32(IPPROTO_IPV6), IPV6_V6ONLY, Int32(onlyV6 ? 1 : 0))
    }
    let number = descriptor.number
    try call { unsafe address.withPointer { address, length in unsafe linux_bind(number, address, length) } }
    return descriptor
  }

  private static func boundToAnyAddress(_ port: UInt16) throws(Errno) -> Descriptor {
    do throws(Errno) {
      return try bound(SocketAddress(.v6(InlineArray(repeating: 0)), port: port), onlyV6: false)
    } catch .addressFamilyNotSupported, .addressNotAvailable {
      return try bound(SocketAddress(.v4(InlineArray(repeating: 0)), port: port))
    }
  }

  /// A socket file that nobody listens on is left over from a process that died.
  private static func boundReplacingStale(_ address: SocketAddress, _ path: String) throws(Errno) -> Descriptor {
    do throws(Errno) {
      return try bound(address)
    } catch .addressInUse {
      let probe = try Socket.unix()
      do throws(Errno) {
        try probe.connect(to: address)
      } catch .connectionRefused {
        guard isSocketFile(path) else { throw .addressInUse }
        unsafe unlink(path)
        return try bound(address)
      } catch {
        throw .addressInUse
      }
      throw .addressInUse
    }
  }

  /// Keeps other copies of the program from replacing a stale socket at the same time. Without read permission on the
  /// directory there is no lock. The corresponding C function is `flock`.
  private static func lock(directoryOf path: String) -> Descriptor {
    let end = path.lastIndex(of: "/").map { path.index(after: $0) } ?? path.startIndex
    let directory = end == path.startIndex ? "." : String(path[..<end])
    let lock = Descriptor(owning: unsafe linux_openat(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY))
    // Anybody who may read the directory can hold it: no copy of ours does for long.
    for _ in 0..<50 where flock(lock.number, LOCK_EX | LOCK_NB) != 0 { usleep(20_000) }
    return lock
  }

  private static func isSocketFile(_ path: String) -> Bool {
    var status = stat()
    return unsafe lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFSOCK
  }

  private static func unixName(_ number: Int32) -> String {
    let path = (try? SocketAddress(localOf: number).path) ?? []
    return path.isEmpty ? "unix:(unnamed)" : "unix:\(String(decoding: path, as: UTF8.self))"
  }
}

/// The corresponding C function is `fcntl` with `F_SETFL`.
private func setNonBlocking(_ number: Int32) throws(Errno) {
  let flags = try call { linux_fcntl(number, F_GETFL, 0) }
  guard flags & O_NONBLOCK == 0 else { return }
  try call { linux_fcntl(number, F_SETFL, flags | O_NONBLOCK) }
}

/// The corresponding C function is `getcwd`; "." where it has no path.
private func workingDirectory() -> String {
  guard let path = unsafe getcwd(nil, 0) else { return "." }
  defer { unsafe free(path) }
  return unsafe String(cString: path)
}
