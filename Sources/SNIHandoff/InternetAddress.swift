internal import CHandoff
internal import Wire

/// One end of a TCP connection.
public struct InternetAddress: Hashable, Sendable {
  /// The address in network order: 4 bytes of IPv4, 16 of IPv6. An IPv4 client of a socket for both families is IPv4.
  public let bytes: [UInt8]

  public let port: UInt16

  /// `192.0.2.1`, `2001:db8::1`.
  public var host: String { address.description }

  private var address: IPAddress {
    bytes.count == 4 ? .v4(InlineArray { bytes[$0] }) : .v6(InlineArray { bytes[$0] })
  }

  /// Nil if it is of another family.
  init?(_ raw: handoff_address) {
    let all = unsafe withUnsafeBytes(of: raw.bytes) { unsafe Array($0) }
    switch raw.size {
    case 4: bytes = Array(all.prefix(4))
    case 16:
      switch IPAddress.v6(InlineArray { all[$0] }).unmapped {
      case .v4(let four): bytes = four.indices.map { four[$0] }
      case .v6: bytes = all
      }
    default: return nil
    }
    port = raw.port
  }
}

extension InternetAddress: CustomStringConvertible {
  /// `192.0.2.1:443`, `[2001:db8::1]:443`.
  public var description: String { Endpoint.internet(address, port: port).description }
}
