import Foundation

/// Where a socket is, or is to be.
enum Address: Equatable, CustomStringConvertible {
  /// A loopback address.
  case ip4(UInt16)
  case ip6(UInt16)
  case unix(String)

  var port: UInt16 {
    switch self {
    case .ip4(let port), .ip6(let port): port
    case .unix: 0
    }
  }

  /// As `sniproxy --listen` takes it.
  var description: String {
    switch self {
    case .ip4(let port): "127.0.0.1:\(port)"
    case .ip6(let port): "[::1]:\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }

  var family: Int32 {
    switch self {
    case .ip4: AF_INET
    case .ip6: AF_INET6
    case .unix: AF_UNIX
    }
  }

  /// Whether anybody listens there, as the kernel tells it, without a connection that could be accepted.
  var hasListener: Bool {
    get throws {
      switch self {
      case .ip4, .ip6:
        let end = ":" + String(port, radix: 16, uppercase: true).leftPadded(to: 4)
        return try ["tcp", "tcp6"].contains { table in
          try kernelFile("/proc/net/\(table)").split(separator: "\n").contains { line in
            let fields = line.split(separator: " ")
            return fields[1].hasSuffix(end) && fields[3] == "0A"
          }
        }
      case .unix(let path):
        return try kernelFile("/proc/net/unix").split(separator: "\n").contains { line in
          let fields = line.split(separator: " ")
          return fields.last == Substring(path) && fields[3] == "00010000"
        }
      }
    }
  }

  func bind(_ descriptor: Int32) throws -> Int32 {
    unsafe try withSocketAddress { unsafe Glibc.bind(descriptor, $0, $1) }
  }

  func connect(_ descriptor: Int32) throws -> Int32 {
    unsafe try withSocketAddress { unsafe Glibc.connect(descriptor, $0, $1) }
  }

  private func withSocketAddress<Result>(_ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result) throws -> Result
  {
    switch self {
    case .ip4(let port):
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      address.sin_addr.s_addr = UInt32(0x7f00_0001).bigEndian
      return try unsafe pass(&address, body)
    case .ip6(let port):
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      address.sin6_addr = in6addr_loopback
      return try unsafe pass(&address, body)
    case .unix(let path):
      var address = sockaddr_un()
      address.sun_family = sa_family_t(AF_UNIX)
      let bytes = Array(path.utf8)
      guard bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
        throw Failure("too long for a socket address: \(path)")
      }
      unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: bytes) }
      return try unsafe pass(&address, body)
    }
  }

  private func pass<Kind, Result>(_ address: inout Kind, _ body: (UnsafePointer<sockaddr>, socklen_t) throws -> Result)
    throws -> Result
  {
    try unsafe withUnsafePointer(to: &address) { pointer in
      try unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        try unsafe body($0, socklen_t(MemoryLayout<Kind>.size))
      }
    }
  }
}

extension String {
  fileprivate func leftPadded(to width: Int) -> String { String(repeating: "0", count: max(0, width - count)) + self }
}

/// The port at this end of an Internet socket.
func localPort(_ descriptor: Int32) throws -> UInt16 {
  var storage = sockaddr_storage()
  var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
  let result = unsafe withUnsafeMutablePointer(to: &storage) { pointer in
    unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe getsockname(descriptor, $0, &length) }
  }
  guard result == 0 else { throw Failure("socket \(descriptor) has no address: \(lastError)") }
  return unsafe withUnsafeBytes(of: &storage) { bytes in
    unsafe UInt16(bigEndian: bytes.load(fromByteOffset: 2, as: UInt16.self))
  }
}
