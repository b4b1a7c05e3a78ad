import CLinux
import Glibc
package import Wire

/// Where to listen, as a person writes it.
package enum ListenAddress: Equatable, Sendable {
  case internet(IPAddress, port: UInt16, scope: UInt32)
  /// All addresses, IPv6 and IPv4.
  case anyAddress(port: UInt16)
  case unix(path: String)

  /// `127.0.0.1:8443`, `[::1]:8443`, `:8443`, `8443` or `unix:PATH`; nil for anything else.
  package init?(_ text: String) {
    if text.hasPrefix("unix:") {
      let path = String(text.dropFirst("unix:".count))
      guard !path.isEmpty else { return nil }
      self = .unix(path: path)
      return
    }
    let colon = text.lastIndex(of: ":")
    let digits = colon.map { text[text.index(after: $0)...] } ?? text[...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }),
      let port = UInt16(digits)
    else { return nil }
    let host = colon.map { text[..<$0] } ?? ""
    if host.isEmpty {
      self = .anyAddress(port: port)
    } else if host.hasPrefix("["), host.hasSuffix("]") {
      self.init(v6: String(host.dropFirst().dropLast()), port)
    } else {
      self.init(v4: String(host), port)
    }
  }

  private init?(v4 text: String, _ port: UInt16) {
    var address = in_addr()
    guard unsafe inet_pton(AF_INET, text, &address) == 1 else { return nil }
    let octets = unsafe withUnsafeBytes(of: address) { raw in InlineArray<4, UInt8> { unsafe raw[$0] } }
    self = .internet(.v4(octets), port: port, scope: 0)
  }

  /// With an interface after `%` for a link-local address (RFC 4007, section 11).
  private init?(v6 text: String, _ port: UInt16) {
    let parts = text.split(separator: "%", maxSplits: 1, omittingEmptySubsequences: false)
    var address = in6_addr()
    guard unsafe inet_pton(AF_INET6, String(parts[0]), &address) == 1 else { return nil }
    var scope: UInt32 = 0
    if parts.count == 2 {
      scope = unsafe UInt32(parts[1]) ?? if_nametoindex(String(parts[1]))
      guard scope != 0 else { return nil }
    }
    let octets = unsafe withUnsafeBytes(of: address) { raw in InlineArray<16, UInt8> { unsafe raw[$0] } }
    self = .internet(.v6(octets), port: port, scope: scope)
  }
}

extension ListenAddress: CustomStringConvertible {
  package var description: String {
    switch self {
    case .internet(.v4(let address), let port, _): "\(IPAddress.v4(address)):\(port)"
    case .internet(let address, let port, let scope): "[\(address)\(scope == 0 ? "" : "%\(scope)")]:\(port)"
    case .anyAddress(let port): ":\(port)"
    case .unix(let path): "unix:\(path)"
    }
  }
}
