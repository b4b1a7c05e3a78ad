/// A PROXY protocol header of version 2, read from a connection as its specification has it.
struct ProxyHeaderVersion2: Equatable {
  enum Command: UInt8 {
    case local = 0x20
    case proxy = 0x21
  }

  /// The address family and the transport, as one byte: 0x11 is TCP over IPv4, 0x21 TCP over IPv6, 0 unspecified.
  var family: UInt8
  var command: Command

  /// The bytes of the two addresses and the two ports.
  var addresses: [UInt8]

  /// The values by their types.
  var values: [UInt8: [UInt8]]

  static let alpn: UInt8 = 1
  static let authority: UInt8 = 2

  init(from connection: Connection) throws { try self.init { try connection.receive($0) } }

  /// From a message that holds nothing else.
  init(message: [UInt8]) throws {
    var rest = message[...]
    try self.init { count in
      guard rest.count >= count else { throw Failure("the header is cut: \(message)") }
      defer { rest = rest.dropFirst(count) }
      return Array(rest.prefix(count))
    }
    guard rest.isEmpty else { throw Failure("\(rest.count) bytes after the header") }
  }

  private init(receive: (Int) throws -> [UInt8]) throws {
    let start = try receive(16)
    guard start.starts(with: [13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10]) else {
      throw Failure("no PROXY header of version 2: \(start)")
    }
    guard let command = Command(rawValue: start[12]) else { throw Failure("no version and command: \(start[12])") }
    self.command = command
    family = start[13]
    guard let addressLength = [0: 0, 0x11: 12, 0x21: 36, 0x31: 216][family] else {
      throw Failure("no address family: \(family)")
    }
    var rest = try receive(Int(start[14]) << 8 | Int(start[15]))[...]
    addresses = Array(rest.prefix(addressLength))
    rest = rest.dropFirst(addressLength)
    values = [:]
    while !rest.isEmpty {
      let header = Array(rest.prefix(3))
      guard header.count == 3 else { throw Failure("the header ends in a value") }
      let length = Int(header[1]) << 8 | Int(header[2])
      guard rest.count >= 3 + length, values[header[0]] == nil else { throw Failure("a value that does not fit") }
      values[header[0]] = Array(rest.dropFirst(3).prefix(length))
      rest = rest.dropFirst(3 + length)
    }
  }

  /// Two ports in network order.
  static func ports(_ client: UInt16, _ server: UInt16) -> [UInt8] {
    [client, server].flatMap { [UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)] }
  }
}
