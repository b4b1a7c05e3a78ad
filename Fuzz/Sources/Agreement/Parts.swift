import Properties

/// What a client sent, taken apart as far as it goes.
struct Parts {
  let bytes: [UInt8]
  /// The message is complete before its last record is.
  private(set) var isRecordCut = false
  /// A record's version is not 3 in its first byte, or not that of the first record.
  private(set) var hasOddVersions = false
  private(set) var extensions: [(type: Int, body: ArraySlice<UInt8>)] = []

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    readRecords()
    if let message = firstMessage(bytes) { readExtensions(message) }
  }

  /// The types of names, as they come.
  var nameTypes: [UInt8] {
    guard var list = extensions.first(where: { $0.type == 0 })?.body.dropFirst(2) else { return [] }
    var types: [UInt8] = []
    while let type = list.popFirst() {
      types.append(type)
      _ = Self.take(2, &list)
    }
    return types
  }

  /// A ClientHello of TLS 1.2 that has nothing else to refuse.
  var withNameAndProtocolsOnly: [UInt8] {
    let block = extensions.filter { $0.type == 0 || $0.type == 16 }
      .flatMap { Self.number($0.type) + Self.number($0.body.count) + $0.body }
    let body = [3, 3] + [UInt8](repeating: 0, count: 32) + [0, 0, 2, 0, 0x2f, 1, 0] + Self.number(block.count) + block
    return records([1, UInt8(body.count >> 16)] + Self.number(body.count & 0xffff) + body) { 1 << 14 }
  }

  private mutating func readRecords() {
    var message: [UInt8] = []
    var start = 0
    while start + 3 <= bytes.count {
      if bytes[start + 1] != 3 || bytes[start + 2] != bytes[2] { hasOddVersions = true }
      guard start + 5 <= bytes.count else { return }
      let fragment = start + 5
      start = fragment + Int(bytes[start + 3]) << 8 + Int(bytes[start + 4])
      message += bytes[fragment..<min(start, bytes.count)]
      guard message.count < 4 || message.count < 4 + Self.value(message[1..<4]) else {
        isRecordCut = start > bytes.count
        return
      }
    }
  }

  private mutating func readExtensions(_ message: [UInt8]) {
    var rest = message.dropFirst(38)
    guard Self.take(1, &rest) != nil, Self.take(2, &rest) != nil, Self.take(1, &rest) != nil,
      var block = Self.take(2, &rest)
    else { return }
    while block.count >= 2 {
      let type = Self.value(block.prefix(2))
      block = block.dropFirst(2)
      guard let body = Self.take(2, &block) else { return }
      extensions.append((type, body))
    }
  }

  /// A vector with a length of that many bytes.
  private static func take(_ width: Int, _ bytes: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    let length = value(bytes.prefix(width))
    guard bytes.count >= width + length else { return nil }
    defer { bytes = bytes.dropFirst(width + length) }
    return bytes.dropFirst(width).prefix(length)
  }

  private static func value(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }

  private static func number(_ value: Int) -> [UInt8] { [UInt8(value >> 8), UInt8(value & 0xff)] }
}
