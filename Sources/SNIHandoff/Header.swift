internal import Wire

/// What a PROXY header of version 2 tells beyond the addresses ("The PROXY protocol, versions 1 & 2", section 2.2), as the
/// message of a hand-off has it: all of it and nothing else.
struct Header: Equatable {
  let serverName: String
  let applicationProtocol: [UInt8]?

  init(_ message: [UInt8]) throws(Handoff.Refusal) {
    // Section 2.2: "if the incoming byte count is 16 or above and the 13 first bytes match the protocol signature block
    // followed by the protocol version 2".
    guard message.count >= 16, message.starts(with: Self.signature), message[12] >> 4 == 2 else { throw .notAHeader }
    // LOCAL, the other command, is of a connection that the sender itself wanted.
    guard message[12] & 0xf == 1 else { throw .notForAClient }
    // "Thus the length of the protocol header in bytes is always exactly 16 + this value."
    guard message.count == 16 + Int(Self.uint16(message[14...])) else { throw .wrongLength }
    // "\x11 : TCP over IPv4 [...] Address length is 2*4 + 2*2 = 12 bytes. \x21 : TCP over IPv6 [...] 2*16 + 2*2 = 36 bytes."
    guard let length = [0x00: 0, 0x11: 12, 0x21: 36][message[13]] else { throw .notForAClient }
    var rest = message[16...]
    guard rest.count >= length else { throw .wrongLength }
    rest = rest.dropFirst(length)

    var name: [UInt8]?
    var applicationProtocol: [UInt8]?
    while !rest.isEmpty {
      let (type, value) = try Self.takeVector(&rest)
      switch type {
      case 0x01 where applicationProtocol == nil: applicationProtocol = value
      case 0x02 where name == nil: name = value
      case 0x01, 0x02: throw .repeatedValue
      // Section 2.2: "A receiver may choose to skip over and ignore the TLVs it is not interested in".
      default: continue
      }
    }
    // A name of this form can be printed, and used as that of a file.
    guard let name, (try? HostName(name[...])) != nil else { throw .noServerName }
    serverName = String(decoding: name, as: UTF8.self)
    self.applicationProtocol = applicationProtocol
  }

  /// Section 2.2, `struct pp2_tlv`: the type, the length in two bytes, the value.
  private static func takeVector(_ rest: inout ArraySlice<UInt8>) throws(Handoff.Refusal) -> (UInt8, [UInt8]) {
    guard rest.count >= 3 else { throw .wrongLength }
    let type = rest.removeFirst()
    let length = Int(uint16(rest))
    rest = rest.dropFirst(2)
    guard rest.count >= length else { throw .wrongLength }
    defer { rest = rest.dropFirst(length) }
    return (type, Array(rest.prefix(length)))
  }

  /// - Precondition: there are two bytes.
  private static func uint16(_ bytes: ArraySlice<UInt8>) -> UInt16 {
    UInt16(bytes[bytes.startIndex]) << 8 | UInt16(bytes[bytes.startIndex + 1])
  }

  private static let signature: [UInt8] = [0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49, 0x54, 0x0a]
}
