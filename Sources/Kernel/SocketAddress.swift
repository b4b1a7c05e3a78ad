import CLinux
import Glibc
package import Wire

/// A socket address as the kernel has it (sockaddr_storage, socket(7)).
package struct SocketAddress {
  private var storage = sockaddr_storage()
  private(set) var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

  /// Lets a system call fill it in.
  init(
    filledBy body: (UnsafeMutablePointer<sockaddr_storage>, UnsafeMutablePointer<socklen_t>) throws(Errno) -> Void
  ) throws(Errno) {
    unsafe try body(&storage, &length)
  }

  /// A socket's own address. The corresponding C function is `getsockname`.
  package init(localOf number: Int32) throws(Errno) {
    try call { unsafe linux_getsockname(number, &storage, &length) }
  }

  init(_ address: IPAddress, port: UInt16, scope: UInt32 = 0) {
    switch address {
    case .v4(let bytes):
      var internet = sockaddr_in()
      internet.sin_family = sa_family_t(AF_INET)
      internet.sin_port = port.bigEndian
      for index in bytes.indices {
        unsafe withUnsafeMutableBytes(of: &internet.sin_addr) { unsafe $0[index] = bytes[index] }
      }
      self.init(copying: internet)
    case .v6(let bytes):
      var internet = sockaddr_in6()
      internet.sin6_family = sa_family_t(AF_INET6)
      internet.sin6_port = port.bigEndian
      internet.sin6_scope_id = scope
      for index in bytes.indices {
        unsafe withUnsafeMutableBytes(of: &internet.sin6_addr) { unsafe $0[index] = bytes[index] }
      }
      self.init(copying: internet)
    }
  }

  /// A path of a Unix socket; nil if it is longer than `longestPath` or empty.
  package init?(path: [UInt8]) {
    guard !path.isEmpty, path.count <= Self.longestPath else { return nil }
    var unix = sockaddr_un()
    unix.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &unix.sun_path) { unsafe $0.copyBytes(from: path) }
    self.init(copying: unix)
    length = Self.unixLength(path.count)
  }

  /// A short path of a Unix socket.
  init(name: StaticString) {
    precondition(name.utf8CodeUnitCount <= Self.longestPath)
    var unix = sockaddr_un()
    unix.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &unix.sun_path) { path in
      unsafe path.copyMemory(from: UnsafeRawBufferPointer(start: name.utf8Start, count: name.utf8CodeUnitCount))
    }
    self.init(copying: unix)
    length = Self.unixLength(name.utf8CodeUnitCount)
  }

  /// With the NUL that ends the path (unix(7)), and no more: the lock tells addresses by their lengths.
  private static func unixLength(_ path: Int) -> socklen_t {
    socklen_t(MemoryLayout<sa_family_t>.size + path + 1)
  }

  /// The socket that is open as this descriptor (`O_PATH`), or one in the directory that is (proc(5), `/proc/PID/fd`).
  static func descriptor(_ number: Int32, _ name: StaticString? = nil) -> SocketAddress {
    short("/proc/self/fd/\(number)" + (name.map { "/\($0)" } ?? ""))
  }

  /// - Precondition: the path is not too long.
  static func short(_ path: String) -> SocketAddress {
    guard let address = SocketAddress(path: Array(path.utf8)) else { preconditionFailure("\(path) is too long") }
    return address
  }

  /// The longest path with the NUL that ends it (unix(7)).
  package static let longestPath = 107

  /// `Address` is one of the C structs sockaddr_in, sockaddr_in6 and sockaddr_un.
  private init<Address>(copying address: Address) {
    length = socklen_t(MemoryLayout<Address>.size)
    unsafe withUnsafeMutableBytes(of: &storage) { storage in
      unsafe withUnsafeBytes(of: address) { unsafe storage.copyMemory(from: $0) }
    }
  }

  var family: Int32 { Int32(storage.ss_family) }

  func withPointer<Result>(_ body: (UnsafePointer<sockaddr_storage>, socklen_t) -> Result) -> Result {
    unsafe withUnsafePointer(to: storage) { unsafe body($0, length) }
  }

  /// The path of a Unix socket; empty for an unnamed one and for other families.
  var path: [UInt8] {
    guard family == AF_UNIX else { return [] }
    return unsafe withUnsafeBytes(of: storage) { bytes in
      unsafe Array(bytes[..<Int(length)].dropFirst(MemoryLayout<sa_family_t>.size).prefix { $0 != 0 })
    }
  }

  package var endpoint: Endpoint {
    unsafe withUnsafeBytes(of: storage) { bytes in
      switch family {
      case AF_INET:
        let address = unsafe bytes.load(as: sockaddr_in.self)
        let octets = unsafe withUnsafeBytes(of: address.sin_addr) { raw in
          InlineArray<4, UInt8> { unsafe raw[$0] }
        }
        return .internet(.v4(octets), port: UInt16(bigEndian: address.sin_port))
      case AF_INET6:
        let address = unsafe bytes.load(as: sockaddr_in6.self)
        let octets = unsafe withUnsafeBytes(of: address.sin6_addr) { raw in
          InlineArray<16, UInt8> { unsafe raw[$0] }
        }
        return .internet(.v6(octets), port: UInt16(bigEndian: address.sin6_port))
      default:
        return .local
      }
    }
  }
}
