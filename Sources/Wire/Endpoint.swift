/// One end of a connection.
package enum Endpoint: Equatable, Sendable {
  case internet(IPAddress, port: UInt16)
  /// A Unix socket, or a family without Internet addresses.
  case local
}

package enum IPAddress: Equatable, Sendable {
  case v4(InlineArray<4, UInt8>)
  case v6(InlineArray<16, UInt8>)

  /// The IPv4 address in an IPv4-mapped IPv6 address (RFC 4291, section 2.5.5.2); any other address as it is.
  package var unmapped: IPAddress {
    guard case .v6(let bytes) = self, (0..<10).allSatisfy({ bytes[$0] == 0 }), bytes[10] == 0xff, bytes[11] == 0xff
    else { return self }
    return .v4([bytes[12], bytes[13], bytes[14], bytes[15]])
  }

  package static func == (a: IPAddress, b: IPAddress) -> Bool {
    switch (a, b) {
    case (.v4(let a), .v4(let b)): a.indices.allSatisfy { a[$0] == b[$0] }
    case (.v6(let a), .v6(let b)): a.indices.allSatisfy { a[$0] == b[$0] }
    default: false
    }
  }
}

extension IPAddress: CustomStringConvertible {
  package var description: String {
    switch self {
    case .v4(let bytes): "\(bytes[0]).\(bytes[1]).\(bytes[2]).\(bytes[3])"
    case .v6(let bytes): Self.text(bytes)
    }
  }

  /// RFC 5952, section 4: no leading zeros, lower case, the longest run of two or more zero groups as "::", the first of
  /// several equal ones.
  private static func text(_ bytes: InlineArray<16, UInt8>) -> String {
    let groups = (0..<8).map { UInt16(bytes[2 * $0]) << 8 | UInt16(bytes[2 * $0 + 1]) }
    let hex = groups.map { String($0, radix: 16) }
    guard let run = longestZeroRun(groups) else { return hex.joined(separator: ":") }
    return hex[..<run.lowerBound].joined(separator: ":") + "::" + hex[run.upperBound...].joined(separator: ":")
  }

  private static func longestZeroRun(_ groups: [UInt16]) -> Range<Int>? {
    var longest = 0..<1
    var start = 0
    for index in groups.indices {
      if groups[index] != 0 { start = index + 1 }
      if index + 1 - start > longest.count { longest = start..<index + 1 }
    }
    return longest.count > 1 ? longest : nil
  }
}

extension Endpoint: CustomStringConvertible {
  package var description: String {
    switch self {
    case .internet(let address, let port):
      switch address.unmapped {
      case .v4(let bytes): "\(IPAddress.v4(bytes)):\(port)"
      case .v6(let bytes): "[\(IPAddress.v6(bytes))]:\(port)"
      }
    case .local: "unix"
    }
  }
}
