import Load

/// What a client asks of the backend, right after its hello: how the session goes on, and how much each side sends.
struct Request: Equatable {
  var plan: Plan
  /// The session's number, which is in the hello's random too.
  var number: UInt64
  /// Bytes that the client sends, and that the backend does.
  var up: UInt64
  var down: UInt64
  /// The client ends its stream once it has sent all, and the backend waits for that.
  var halfCloses = false
  /// The client may leave in the middle.
  var mayBeCut = false
  var helloSum: UInt64
  var client: Place

  enum Plan: UInt8 {
    /// Both sides send at once.
    case both
    /// The backend sends after the end of what the client sends.
    case answerAfterEnd
    /// The client sends after the end of what the backend sends. There is no receipt: the backend's log tells.
    case uploadAfterEnd
    /// By turns, in messages of `messageSize`.
    case pingPong
  }

  /// Where the client is, as a PROXY header must tell it.
  enum Place: Equatable {
    case unix
    case ip4(address: UInt32, port: UInt16, server: UInt16)
  }

  static let messageSize: UInt64 = 1024
  static let size = 48

  var bytes: [UInt8] {
    var writer = Writer()
    writer.bytes = Self.magic + [plan.rawValue, halfCloses ? 1 : 0, mayBeCut ? 1 : 0]
    let (family, address, port, server): (UInt8, UInt32, UInt16, UInt16) =
      switch client {
      case .unix: (0, 0, 0, 0)
      case .ip4(let address, let port, let server): (4, address, port, server)
      }
    writer.bytes.append(family)
    for value in [number, up, down, helloSum] { writer.append(value) }
    writer.append(UInt64(address) << 32 | UInt64(port) << 16 | UInt64(server))
    return writer.bytes
  }

  init?(_ bytes: [UInt8]) {
    guard bytes.count == Self.size, bytes.starts(with: Self.magic), let plan = Plan(rawValue: bytes[4]) else {
      return nil
    }
    self.plan = plan
    halfCloses = bytes[5] == 1
    mayBeCut = bytes[6] == 1
    func value(_ index: Int) -> UInt64 { bytes[(8 + index * 8)...].prefix(8).reduce(0) { $0 << 8 | UInt64($1) } }
    (number, up, down, helloSum) = (value(0), value(1), value(2), value(3))
    let place = value(4)
    client =
      bytes[7] == 0
      ? .unix
      : .ip4(
        address: UInt32(place >> 32), port: UInt16(truncatingIfNeeded: place >> 16),
        server: UInt16(truncatingIfNeeded: place))
  }

  init(
    _ plan: Plan, number: UInt64, up: UInt64, down: UInt64, halfCloses: Bool = false, mayBeCut: Bool = false,
    hello: [UInt8], client: Place
  ) {
    self.plan = plan
    self.number = number
    self.up = up
    self.down = down
    self.halfCloses = halfCloses
    self.mayBeCut = mayBeCut
    self.client = client
    helloSum = sum(of: hello)
  }

  /// What each side sends: the same pattern, from another place on for each session.
  var upContent: Content { Content(start: number &* 7919, count: up) }
  var downContent: Content { Content(start: number &* 104_729 &+ 17, count: down) }

  /// The backend's last words: how much it has received of the client.
  static let receiptSize = 12
  var receipt: [UInt8] {
    var writer = Writer()
    writer.bytes = Array("GOT:".utf8)
    writer.append(up)
    return writer.bytes
  }

  private static let magic = Array("SOAK".utf8)
}

/// A stretch of the pattern.
struct Content {
  var start: UInt64
  var count: UInt64

  /// The part of so many bytes after the first ones.
  func part(after offset: UInt64, _ count: UInt64) -> Content { Content(start: start &+ offset, count: count) }
}

/// FNV-1a of 64 bits.
func sum(of bytes: [UInt8]) -> UInt64 {
  bytes.reduce(0xcbf2_9ce4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
}

private struct Writer {
  var bytes: [UInt8] = []

  mutating func append(_ value: UInt64) {
    for shift in stride(from: 56, through: 0, by: -8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
  }
}
