/// A ClientHello as a client could send it.
struct Hello {
  var name: String?
  var protocols: [String] = []

  /// Bytes that an unknown extension adds, to make the message long.
  var padding = 0

  /// How many bytes of the message each record holds.
  var recordSize = 1 << 14

  init(_ name: String?, protocols: [String] = [], padding: Int = 0, recordSize: Int = 1 << 14) {
    self.name = name
    self.protocols = protocols
    self.padding = padding
    self.recordSize = recordSize
  }

  /// The message in its records: what goes over the wire.
  var bytes: [UInt8] { Self.records(message, size: recordSize) }

  /// The handshake message with its header.
  var message: [UInt8] {
    var extensions: [UInt8] = []
    if let name {
      extensions += Self.vector(2, Self.vector(2, [0] + Self.vector(2, Array(name.utf8))), type: 0)
    }
    if !protocols.isEmpty {
      extensions += Self.vector(2, Self.vector(2, protocols.flatMap { Self.vector(1, Array($0.utf8)) }), type: 16)
    }
    extensions += [0, 43, 0, 3, 2, 3, 4]
    if padding > 0 { extensions += Self.vector(2, [UInt8](repeating: 0x55, count: padding), type: 0xfafa) }
    let random = (0..<32).map { UInt8($0) }
    let body =
      [3, 3] + random + Self.vector(1, random) + Self.vector(2, [0x13, 0x01]) + Self.vector(1, [0])
      + Self.vector(2, extensions)
    return [1] + Self.vector(3, body)
  }

  static func records(_ message: [UInt8], size: Int) -> [UInt8] {
    stride(from: 0, to: message.count, by: size).flatMap { start in
      [22, 3, 1] + vector(2, Array(message[start..<min(start + size, message.count)]))
    }
  }

  /// The content with its length of so many bytes before it.
  private static func vector(_ width: Int, _ content: [UInt8]) -> [UInt8] {
    (0..<width).reversed().map { UInt8(truncatingIfNeeded: content.count >> (8 * $0)) } + content
  }

  private static func vector(_ width: Int, _ content: [UInt8], type: UInt16) -> [UInt8] {
    [UInt8(type >> 8), UInt8(truncatingIfNeeded: type)] + vector(width, content)
  }
}
