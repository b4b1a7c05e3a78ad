/// A Unix socket in a host directory, by which clients come to the backend.
package enum BackendSocket: Equatable, Sendable {
  /// A stream socket, to which a client's bytes are relayed.
  case relay
  /// A sequenced-packet socket, which gets the client's connection itself.
  case handoff

  package var name: StaticString {
    switch self {
    case .relay: "tls-socket"
    case .handoff: "tls-handoff"
    }
  }
}
