/// A TLSPlaintext record of type handshake (RFC 8446, section 5.1).
package func record(_ fragment: some Collection<UInt8>, version: UInt16 = 0x0301) -> [UInt8] {
  [22, UInt8(version >> 8), UInt8(version & 0xff), UInt8(fragment.count >> 8), UInt8(fragment.count & 0xff)] + fragment
}

/// Cuts handshake bytes into records of the sizes that `next` gives.
package func records(_ handshake: [UInt8], of next: () -> Int) -> [UInt8] {
  var result: [UInt8] = []
  var start = 0
  while start < handshake.count {
    let end = min(handshake.count, start + next())
    result += record(handshake[start..<end])
    start = end
  }
  return result
}

/// What the records hold of the first handshake message; nil where something is wrong with a record.
package func firstMessage(_ bytes: [UInt8]) -> [UInt8]? {
  var message: [UInt8] = []
  var start = 0
  while start + 5 <= bytes.count {
    let length = Int(bytes[start + 3]) << 8 | Int(bytes[start + 4])
    guard bytes[start] == 22, (1...1 << 14).contains(length) else { return nil }
    message += bytes[min(bytes.count, start + 5)..<min(bytes.count, start + 5 + length)]
    if message.count >= 4 {
      let end = 4 + (Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3]))
      if message.count >= end { return Array(message[..<end]) }
    }
    start += 5 + length
  }
  return start < bytes.count && bytes[start] != 22 ? nil : message
}
