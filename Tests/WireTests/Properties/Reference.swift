import Wire

/// A second reader of the ClientHello, as plain as can be, to compare the product's with.
enum Reference: Equatable {
  case incomplete
  case refused
  case hello(serverName: [UInt8]?, protocols: [[UInt8]])

  init(_ progress: HelloReader.Progress) {
    switch progress {
    case .needs: self = .incomplete
    case .refused: self = .refused
    case .complete(let hello):
      self = .hello(serverName: hello.serverName.map(Array.init), protocols: hello.protocols.map(Array.init))
    }
  }

  static func read(_ bytes: [UInt8]) -> Reference {
    var message: [UInt8] = []
    var rest = bytes[...]
    while true {
      if let type = message.first, type != 1 { return .refused }
      if message.count >= 4 {
        let end = 4 + number(message[1..<4])
        if end > 65536 { return .refused }
        if message.count >= end { return body(message[4..<end]) ?? .refused }
      }
      guard let type = rest.first else { return .incomplete }
      if type != 22 { return .refused }
      guard rest.count >= 5 else { return .incomplete }
      let length = number(rest.dropFirst(3).prefix(2))
      if length == 0 || length > 16384 { return .refused }
      message += rest.dropFirst(5).prefix(length)
      rest = rest.dropFirst(5 + length)
    }
  }

  private static func body(_ bytes: ArraySlice<UInt8>) -> Reference? {
    var rest = bytes
    guard rest.count >= 34 else { return nil }
    rest = rest.dropFirst(34)
    guard let session = take(1, &rest), session.count <= 32 else { return nil }
    guard let suites = take(2, &rest), !suites.isEmpty, suites.count % 2 == 0 else { return nil }
    guard let methods = take(1, &rest), !methods.isEmpty else { return nil }
    if rest.isEmpty { return .hello(serverName: nil, protocols: []) }
    guard var block = take(2, &rest), rest.isEmpty else { return nil }
    var extensions: [(type: Int, data: ArraySlice<UInt8>)] = []
    while !block.isEmpty {
      guard block.count >= 2 else { return nil }
      let type = number(block.prefix(2))
      block = block.dropFirst(2)
      guard let data = take(2, &block) else { return nil }
      extensions.append((type, data))
    }
    let types = extensions.map(\.type)
    guard Set(types).count == types.count, !types.dropLast().contains(41) else { return nil }
    var serverName: [UInt8]?
    if let data = extensions.first(where: { $0.type == 0 })?.data {
      guard let names = serverNames(data) else { return nil }
      serverName = names[0].map(Array.init)
    }
    var protocols: [[UInt8]] = []
    if let data = extensions.first(where: { $0.type == 16 })?.data {
      guard let names = protocolNames(data) else { return nil }
      protocols = names
    }
    return .hello(serverName: serverName, protocols: protocols)
  }

  private static func serverNames(_ data: ArraySlice<UInt8>) -> [Int: ArraySlice<UInt8>]? {
    var rest = data
    guard var list = take(2, &rest), rest.isEmpty, !list.isEmpty else { return nil }
    var names: [Int: ArraySlice<UInt8>] = [:]
    while !list.isEmpty {
      let type = Int(list.removeFirst())
      guard let name = take(2, &list), names[type] == nil, type != 0 || !name.isEmpty else { return nil }
      names[type] = name
    }
    return names
  }

  private static func protocolNames(_ data: ArraySlice<UInt8>) -> [[UInt8]]? {
    var rest = data
    guard var list = take(2, &rest), rest.isEmpty, !list.isEmpty else { return nil }
    var names: [[UInt8]] = []
    while !list.isEmpty {
      guard let name = take(1, &list), !name.isEmpty else { return nil }
      names.append(Array(name))
    }
    return names
  }

  /// A vector with a length of that many bytes.
  private static func take(_ width: Int, _ bytes: inout ArraySlice<UInt8>) -> ArraySlice<UInt8>? {
    guard bytes.count >= width else { return nil }
    let length = number(bytes.prefix(width))
    guard bytes.count >= width + length else { return nil }
    defer { bytes = bytes.dropFirst(width + length) }
    return bytes.dropFirst(width).prefix(length)
  }

  private static func number(_ bytes: some Collection<UInt8>) -> Int { bytes.reduce(0) { $0 << 8 | Int($1) } }
}
