import Foundation

/// A captured ClientHello in one record, with another server name in it and a place for a number in its random.
public struct HelloTemplate: Sendable {
  public let client: String
  public internal(set) var bytes: [UInt8]
  /// Where the server name stands.
  public internal(set) var name: Range<Int>

  /// The random is 32 bytes after record header (5), message header (4) and version (2). Its first eight carry a
  /// number.
  package static let number = 11..<19

  /// Nil if the bytes are not one record with one whole ClientHello with a server name.
  public init?(client: String, bytes: [UInt8]) {
    guard let name = Self.serverName(in: bytes) else { return nil }
    self.client = client
    self.bytes = bytes
    self.name = name
  }

  /// The same with another name, and every length around it made right.
  public func naming(_ host: String) -> HelloTemplate {
    var changed = self
    changed.bytes.replaceSubrange(name, with: Array(host.utf8))
    changed.name = name.lowerBound..<(name.lowerBound + host.utf8.count)
    let growth = host.utf8.count - name.count
    // From inside out: host_name, server_name_list, extension, extensions, message, record.
    changed.add(growth, at: name.lowerBound - 2, width: 2)
    changed.add(growth, at: name.lowerBound - 5, width: 2)
    changed.add(growth, at: name.lowerBound - 7, width: 2)
    changed.add(growth, at: Self.extensions(in: bytes)! - 2, width: 2)
    changed.add(growth, at: 6, width: 3)
    changed.add(growth, at: 3, width: 2)
    return changed
  }

  /// The clients whose hellos are sent: short and long ones, as libraries and browsers make them.
  public static let clients = [
    "curl", "chromium", "go-http", "firefox", "openssl-tls13", "java", "cffi-safari155", "gnutls",
  ]

  /// Reads these hellos from the project's corpus.
  public static func corpus(at directory: String) throws(Failure) -> [HelloTemplate] {
    var templates: [HelloTemplate] = []
    for client in clients {
      guard let file = FileManager.default.contents(atPath: "\(directory)/\(client).bin") else {
        throw Failure("\(directory)/\(client).bin: cannot be read")
      }
      guard let template = HelloTemplate(client: client, bytes: Array(file)) else {
        throw Failure("\(directory)/\(client).bin: not a ClientHello in one record")
      }
      templates.append(template)
    }
    return templates
  }

  private mutating func add(_ growth: Int, at place: Int, width: Int) {
    let value = Self.integer(bytes, at: place, width: width) + growth
    for index in 0..<width { bytes[place + index] = UInt8(truncatingIfNeeded: value >> (8 * (width - 1 - index))) }
  }

  private static func integer(_ bytes: [UInt8], at place: Int, width: Int) -> Int {
    bytes[place..<(place + width)].reduce(0) { $0 << 8 | Int($1) }
  }

  /// Where the extensions begin, after their length.
  private static func extensions(in bytes: [UInt8]) -> Int? {
    guard bytes.count > 44, bytes[0] == 22, integer(bytes, at: 3, width: 2) == bytes.count - 5, bytes[5] == 1,
      integer(bytes, at: 6, width: 3) == bytes.count - 9
    else { return nil }
    var place = 43
    place += 1 + Int(bytes[place])
    guard place + 2 <= bytes.count else { return nil }
    place += 2 + integer(bytes, at: place, width: 2)
    guard place + 1 <= bytes.count else { return nil }
    place += 1 + Int(bytes[place])
    return place + 2 <= bytes.count ? place + 2 : nil
  }

  private static func serverName(in bytes: [UInt8]) -> Range<Int>? {
    guard var place = extensions(in: bytes) else { return nil }
    while place + 4 <= bytes.count {
      let type = integer(bytes, at: place, width: 2)
      let length = integer(bytes, at: place + 2, width: 2)
      // List length (2), name type (1), name length (2), name.
      if type == 0, length > 5, place + 4 + length <= bytes.count {
        return (place + 9)..<(place + 4 + length)
      }
      place += 4 + length
    }
    return nil
  }
}
