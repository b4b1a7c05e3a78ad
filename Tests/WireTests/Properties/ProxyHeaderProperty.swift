import Glibc
import Wire

/// A backend reads in a PROXY header what was put into it.
func checkProxyHeader(_ bytes: [UInt8]) throws(Violation) {
  var choice = Choice(bytes)
  let source = choice.endpoint()
  let destination = choice.endpoint()
  let name = choice.bytes(atMost: 253)
  let protocols = (0..<choice.byte() % 4).map { _ in choice.bytes(atMost: 255)[...] }
  try checkHeaders(source, destination, name[...], protocols)
}

func checkHeaders(
  _ source: Endpoint, _ destination: Endpoint, _ name: ArraySlice<UInt8>, _ protocols: [ArraySlice<UInt8>]
) throws(Violation) {
  let ends = Ends(source, destination)
  let line = ProxyHeader.version1.bytes(
    source: source, destination: destination, serverName: name, protocols: protocols)
  try demand(line.count <= 107, "\(line.count) bytes of version 1")
  try demand(Ends(line: line) == ends, "\(ends) has become \(String(decoding: line, as: UTF8.self))")

  let header = ProxyHeader.version2.bytes(
    source: source, destination: destination, serverName: name, protocols: protocols)
  guard let parsed = Version2(header) else { throw Violation("not of version 2: \(header)") }
  try demand(parsed.ends == ends, "\(ends) has become \(parsed.ends)")
  var values = [2: Array(name)]
  if protocols.count == 1 { values[1] = Array(protocols[0]) }
  try demand(parsed.values == values, "\(values) has become \(parsed.values)")
}

/// The addresses and ports as the header has them.
private enum Ends: Equatable {
  case unspecified
  case internet([UInt8], [UInt8], UInt16, UInt16)

  init(_ source: Endpoint, _ destination: Endpoint) {
    guard case .internet(let from, let fromPort) = source, case .internet(let to, let toPort) = destination else {
      self = .unspecified
      return
    }
    let (first, second) = (Self.bytes(from), Self.bytes(to))
    self = first.count == second.count ? .internet(first, second, fromPort, toPort) : .unspecified
  }

  /// Nil if it is no line of version 1.
  init?(line: [UInt8]) {
    let text = String(decoding: line, as: UTF8.self)
    guard text.hasSuffix("\r\n") else { return nil }
    let words = text.dropLast().split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    if words == ["PROXY", "UNKNOWN"] {
      self = .unspecified
      return
    }
    guard words.count == 6, words[0] == "PROXY", let size = ["TCP4": 4, "TCP6": 16][words[1]],
      let from = Self.address(words[2], size), let to = Self.address(words[3], size),
      let fromPort = UInt16(words[4]), let toPort = UInt16(words[5]),
      String(fromPort) == words[4], String(toPort) == words[5]
    else { return nil }
    self = .internet(from, to, fromPort, toPort)
  }

  private static func bytes(_ address: IPAddress) -> [UInt8] {
    switch address {
    case .v4(let bytes): return bytes.indices.map { bytes[$0] }
    case .v6(let bytes):
      let all = bytes.indices.map { bytes[$0] }
      return all.starts(with: mapped) ? Array(all.dropFirst(12)) : all
    }
  }

  private static func address(_ text: String, _ size: Int) -> [UInt8]? {
    var bytes = [UInt8](repeating: 0, count: size)
    guard unsafe inet_pton(size == 4 ? AF_INET : AF_INET6, text, &bytes) == 1 else { return nil }
    return bytes
  }
}

/// What a backend makes of a header of version 2.
private struct Version2 {
  let ends: Ends
  var values: [Int: [UInt8]] = [:]

  init?(_ bytes: [UInt8]) {
    guard bytes.count >= 16, bytes.starts(with: "\r\n\r\n\0\r\nQUIT\n".utf8), bytes[12] == 0x21,
      bytes.count == 16 + Self.number(bytes[14...15])
    else { return nil }
    var rest = bytes[16...]
    switch bytes[13] {
    case 0x00: ends = .unspecified
    case 0x11, 0x21:
      let size = bytes[13] == 0x11 ? 4 : 16
      guard rest.count >= 2 * size + 4 else { return nil }
      let ports = rest.dropFirst(2 * size)
      ends = .internet(
        Array(rest.prefix(size)), Array(rest.dropFirst(size).prefix(size)),
        UInt16(Self.number(ports.prefix(2))), UInt16(Self.number(ports.dropFirst(2).prefix(2))))
      rest = ports.dropFirst(4)
    default: return nil
    }
    while !rest.isEmpty {
      guard rest.count >= 3 else { return nil }
      let type = Int(rest.removeFirst())
      let length = Self.number(rest.prefix(2))
      rest = rest.dropFirst(2)
      guard rest.count >= length, values[type] == nil else { return nil }
      values[type] = Array(rest.prefix(length))
      rest = rest.dropFirst(length)
    }
  }

  private static func number(_ bytes: ArraySlice<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }
}

/// Reads choices from bytes; after the last one all are 0.
private struct Choice {
  private var rest: ArraySlice<UInt8>

  init(_ bytes: [UInt8]) { rest = bytes[...] }

  mutating func byte() -> Int { Int(rest.popFirst() ?? 0) }

  mutating func bytes(atMost most: Int) -> [UInt8] {
    let count = min(byte(), most)
    defer { rest = rest.dropFirst(count) }
    return Array(rest.prefix(count))
  }

  mutating func endpoint() -> Endpoint {
    let kind = byte() % 4
    guard kind > 0 else { return .local }
    let port = UInt16(byte() << 8 | byte())
    if kind == 1 { return .internet(.v4(InlineArray { _ in UInt8(byte()) }), port: port) }
    return .internet(.v6(InlineArray { kind == 2 && $0 < 12 ? mapped[$0] : UInt8(byte()) }), port: port)
  }
}

/// What IPv4 addresses in IPv6 addresses begin with (RFC 4291, section 2.5.5.2).
private let mapped: [UInt8] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff]
