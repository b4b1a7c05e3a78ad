package import Wire

/// What a client asked for, as far as it is known, for whoever writes it down. However much the client sent, it is small.
package struct Request: Sendable {
  package private(set) var serverName: Excerpt?
  /// The protocols that the client offered: the first of them, and how many there are.
  package private(set) var protocols = ProtocolNames()
  package private(set) var protocolCount = 0
  /// The name of the entry in the hosts directory that was used.
  package var host: [UInt8]?
  /// JA4.
  package var fingerprint: String?

  init(_ hello: ClientHello? = nil, host: [UInt8]? = nil) {
    guard let hello else { return }
    serverName = hello.serverName.map { Excerpt($0) }
    protocols = hello.protocolNames.copy(within: Excerpt.longest)
    protocolCount = hello.protocolNames.isEmpty ? 0 : hello.protocolNames.reduce(0) { count, _ in count + 1 }
    self.host = host
  }
}
