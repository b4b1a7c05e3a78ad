/// What a client must not send, with the alert that it gets: one row and more for each row of the contract's table.
struct RefusedHello: CustomStringConvertible {
  let description: String
  let alert: UInt8
  let bytes: [UInt8]

  private init(_ description: String, _ alert: UInt8, _ bytes: [UInt8]) {
    self.description = description
    self.alert = alert
    self.bytes = bytes
  }

  static let all = framing + forbidden + malformed + nameless

  private static let framing = [
    RefusedHello("HTTP", 10, Array("GET / HTTP/1.1\r\nHost: test.test\r\n\r\n".utf8)),
    RefusedHello("an alert record", 10, [21, 3, 1, 0, 2, 1, 0]),
    RefusedHello("application data", 10, [23, 3, 3, 0, 1, 0]),
    RefusedHello("a record of another type inside the ClientHello", 10, [22, 3, 1, 0, 1, 1, 20, 3, 3, 0, 1, 1]),
    RefusedHello("a ServerHello", 10, record([2, 0, 0, 2, 3, 3])),
    RefusedHello("a record of 2^14 + 1", 22, [22, 3, 1, 0x40, 0x01]),
    RefusedHello("a long record inside the ClientHello", 22, [22, 3, 1, 0, 1, 1, 22, 3, 3, 0xff, 0xff]),
    RefusedHello("an empty record", 50, [22, 3, 1, 0, 0]),
    RefusedHello("an empty record inside the ClientHello", 50, [22, 3, 1, 0, 1, 1, 22, 3, 1, 0, 0]),
    RefusedHello("a ClientHello of 64 KiB and a byte", 50, record([1, 0, 0xff, 0xfd])),
    RefusedHello("a ClientHello of 16 MiB", 50, record([1, 0xff, 0xff, 0xff])),
  ]

  private static let forbidden = [
    RefusedHello("a repeated extension", 47, hello(serverName + [0xfa, 0xfa, 0, 0, 0xfa, 0xfa, 0, 0])),
    RefusedHello("two names of one type", 47, hello(serverNames(hostName + hostName))),
    RefusedHello("two names of an unknown type", 47, hello(serverNames([9, 0, 0] + hostName + [9, 0, 0]))),
    RefusedHello("pre_shared_key that is not last", 47, hello(serverName + [0, 41, 0, 0, 0xfa, 0xfa, 0, 0])),
  ]

  private static let malformed = [
    RefusedHello("a message that ends in legacy_version", 50, record([1, 0, 0, 1, 3])),
    RefusedHello("a session id of 33 bytes", 50, hello(serverName, sessionID: [UInt8](repeating: 0, count: 33))),
    RefusedHello("cipher suites of an odd length", 50, hello(serverName, suites: [0x13, 0x01, 0x13])),
    RefusedHello("no cipher suites", 50, hello(serverName, suites: [])),
    RefusedHello("no compression methods", 50, hello(serverName, compression: [])),
    RefusedHello("an extension longer than the extensions", 50, hello(serverName + [0xfa, 0xfa, 0, 1])),
    RefusedHello("bytes after the extensions", 50, hello(serverName, after: [0])),
    RefusedHello("an empty list of server names", 50, hello([0, 0, 0, 2, 0, 0])),
    RefusedHello("an empty server name", 50, hello(serverNames([0, 0, 0]))),
    RefusedHello("bytes after the server names", 50, hello([0, 0, 0, 15, 0, 12] + hostName + [0])),
    RefusedHello("an empty protocol name", 50, hello(serverName + [0, 16, 0, 4, 0, 2, 0, 0])),
  ]

  private static let nameless =
    illegalNames.map { RefusedHello("the name \($0)", 112, Hello($0).bytes) } + [
      RefusedHello("no server name", 109, Hello(nil).bytes),
      RefusedHello("no extensions", 109, record(message([3, 3] + random + [0, 0, 2, 0x13, 1, 1, 0]))),
      RefusedHello("an unknown name", 112, Hello("unknown.test").bytes),
    ]

  private static let illegalNames: [String] = [
    "127.0.0.1", "test.test.", ".", "..", "a..test", "-a.test", "a-.test", "a/b.test", "test.1", "a b.test", "*.test",
    String(repeating: "a", count: 64) + ".test", String(repeating: "a.", count: 127) + "test", "tést.test",
    "a\0.test", "../hosts", "[::1]",
  ]

  // MARK: Putting hellos together

  private static let random = [UInt8](repeating: 7, count: 32)
  private static let hostName: [UInt8] = [0, 0, 9] + Array("test.test".utf8)
  private static let serverName = serverNames(hostName)

  private static func serverNames(_ list: [UInt8]) -> [UInt8] {
    [0, 0, 0, UInt8(list.count + 2), 0, UInt8(list.count)] + list
  }

  private static func hello(
    _ extensions: [UInt8], sessionID: [UInt8] = [], suites: [UInt8] = [0x13, 0x01], compression: [UInt8] = [0],
    after: [UInt8] = []
  ) -> [UInt8] {
    let body =
      [3, 3] + random + [UInt8(sessionID.count)] + sessionID + [0, UInt8(suites.count)] + suites
      + [UInt8(compression.count)] + compression + [0, UInt8(extensions.count)] + extensions + after
    return record(message(body))
  }

  private static func message(_ body: [UInt8]) -> [UInt8] { [1, 0, 0, UInt8(body.count)] + body }

  private static func record(_ message: [UInt8]) -> [UInt8] { Hello.records(message, size: 1 << 14) }
}
