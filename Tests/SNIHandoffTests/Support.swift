import CProbe
import Glibc
import SNIHandoff
import Testing

/// A directory that is gone with its content at the end of the test.
final class TemporaryDirectory: Sendable {
  let path: String

  init() {
    var template = Array("/tmp/sniproxy.XXXXXX".utf8CString)
    path = unsafe String(cString: mkdtemp(&template))
  }

  deinit {
    for name in names { _ = unsafe remove("\(path)/\(name)") }
    _ = unsafe rmdir(path)
  }

  /// Of all that is in it.
  var names: [String] {
    var names: [String] = []
    guard let stream = unsafe opendir(path) else { return [] }
    defer { unsafe closedir(stream) }
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafeBytes(of: entry.pointee.d_name) {
        unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names
  }
}

/// A result of the C library that the test itself cannot go on without.
@discardableResult func require(_ result: Int32) -> Int32 {
  precondition(result >= 0, unsafe String(cString: strerror(errno)))
  return result
}

/// A TCP connection over a loopback address.
struct TCPConnection: ~Copyable {
  let client: Int32
  let server: Int32

  init() {
    let listener = require(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    defer { close(listener) }
    require(listen(listener, 1))
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    unsafe withSocketAddress(&address) { require(unsafe getsockname(listener, $0, &length)) }
    address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
    let client = require(socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0))
    unsafe withSocketAddress(&address) { require(unsafe connect(client, $0, length)) }
    self.client = client
    server = require(accept(listener, nil, nil))
  }

  deinit {
    close(client)
    close(server)
  }

  /// `127.0.0.1:PORT` of this end.
  static func name(of number: Int32) -> String {
    var address = sockaddr_in()
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    unsafe withSocketAddress(&address) { require(unsafe getsockname(number, $0, &length)) }
    return "127.0.0.1:\(UInt16(bigEndian: address.sin_port))"
  }
}

/// Who hands over: a peer of the socket.
struct Sender: ~Copyable {
  let number: Int32

  init(to path: String) {
    number = require(socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0))
    require(Self.connect(number, path))
  }

  deinit { close(number) }

  /// Gives the result of `connect`.
  static func connect(_ number: Int32, _ path: String) -> Int32 {
    var address = unixAddress(path)
    return unsafe withSocketAddress(&address) {
      unsafe Glibc.connect(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }

  /// One message with these descriptors. The corresponding C function is `sendmsg`.
  func send(_ bytes: [UInt8], _ descriptors: [Int32]) {
    // A control message, as cmsg(3) lays it out: its length, level and type in 16 bytes, the descriptors, and what fills the
    // last 8 bytes.
    let length = 16 + 4 * descriptors.count
    var control = unsafe withUnsafeBytes(of: length) { unsafe Array($0) }
    control += unsafe withUnsafeBytes(of: (SOL_SOCKET, Int32(SCM_RIGHTS))) { unsafe Array($0) }
    for descriptor in descriptors { control += unsafe withUnsafeBytes(of: descriptor) { unsafe Array($0) } }
    control += [UInt8](repeating: 0, count: (8 - length % 8) % 8)
    var bytes = bytes
    let sent = unsafe bytes.withUnsafeMutableBytes { bytes in
      unsafe control.withUnsafeMutableBytes { control in
        var region = unsafe iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
        return unsafe withUnsafeMutablePointer(to: &region) { region in
          var message = unsafe msghdr()
          unsafe message.msg_iov = region
          unsafe message.msg_iovlen = 1
          if !descriptors.isEmpty {
            unsafe message.msg_control = control.baseAddress
            unsafe message.msg_controllen = control.count
          }
          return unsafe sendmsg(number, &message, 0)
        }
      }
    }
    require(Int32(sent))
  }
}

/// A Unix socket of the type that is bound and listens, and is left behind when it is closed.
func makeListener(_ path: String, _ type: __socket_type = SOCK_SEQPACKET) -> Int32 {
  let number = require(socket(AF_UNIX, Int32(type.rawValue), 0))
  var address = unixAddress(path)
  unsafe withSocketAddress(&address) { require(unsafe bind(number, $0, socklen_t(MemoryLayout<sockaddr_un>.size))) }
  require(listen(number, 8))
  return number
}

/// What the next client asks for.
func name(_ listener: inout HandoffListener) throws -> String { try listener.next().serverName }

/// Whether nobody hands over a client now, and nothing was refused.
func isEmpty(_ listener: inout HandoffListener) throws -> Bool {
  try listener.next(within: .zero) { Issue.record("refused: \($0)") } == nil
}

/// Does this as another user, as far as the kernel tells others: the thread's effective one (`setresuid`, credentials(7)).
func asUser<Result: ~Copyable>(_ user: UInt32, _ body: () -> Result) -> Result {
  require(-probe_call(Int(SYS_setresuid), -1, Int(user), -1, 0, 0))
  defer { require(-probe_call(Int(SYS_setresuid), -1, 0, -1, 0, 0)) }
  return body()
}

/// How many files this process has open that are sockets of this TCP connection's end, told by device and inode.
func countOpen(_ number: Int32) -> Int {
  var wanted = stat()
  require(unsafe fstat(number, &wanted))
  return (Int32(0)..<1024).count { candidate in
    var found = stat()
    return unsafe fstat(candidate, &found) == 0 && found.st_ino == wanted.st_ino && found.st_dev == wanted.st_dev
  }
}

private func unixAddress(_ path: String) -> sockaddr_un {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  precondition(path.utf8.count < 108)
  unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
  return address
}

@discardableResult
private func withSocketAddress<Kind, Result>(_ address: inout Kind, _ body: (UnsafeMutablePointer<sockaddr>) -> Result)
  -> Result
{
  unsafe withUnsafeMutablePointer(to: &address) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe body($0) }
  }
}
