import Kernel
import Wire

@testable import Relay

/// A connection that is relayed as a session does it: only when the kernel tells of something, and asked again only where
/// it will not tell by itself.
struct Loop: ~Copyable {
  private(set) var connection = Connection()
  private var ferry = Ferry()
  private var poller: Poller
  private var clientWatch = Watch.none
  private var backendWatch = Watch.none
  private let client: Int32
  private let backend: Int32

  /// - Parameter first: what the client has sent before, as after a hello that was read into memory.
  init(_ family: Family, client: Int32, backend: Int32, sending first: [UInt8]) throws(Errno) {
    (self.client, self.backend) = (client, backend)
    poller = try Poller()
    connection.begin(Socket(owning: client), family.kind)
    connection.join(Socket(owning: backend), sending: first, by: &ferry, .untilShort)
  }

  /// What the kernel tells within so long.
  mutating func told(within milliseconds: Int32) throws(Errno) -> [Poller.Event] {
    let count = try poller.wait(milliseconds: milliseconds)
    return (0..<count).map { poller.event($0) }
  }

  mutating func serve(_ event: Poller.Event) throws(Errno) {
    if event.token.side == Self.clientSide {
      connection.clientIsReady(event.readiness, by: &ferry)
    } else {
      connection.backendIsReady(event.readiness, by: &ferry)
    }
  }

  /// Waits for what must be waited for.
  mutating func ask() throws(Errno) {
    if clientWatch != connection.clientWatch || connection.mustAskClient {
      try watch(client, connection.clientWatch, insteadOf: clientWatch, Self.clientSide)
      clientWatch = connection.clientWatch
      connection.clientWasAsked()
    }
    if backendWatch != connection.backendWatch || connection.mustAskBackend {
      try watch(backend, connection.backendWatch, insteadOf: backendWatch, Self.backendSide)
      backendWatch = connection.backendWatch
      connection.backendWasAsked()
    }
  }

  /// Sends the client what waits for the end.
  func push() { connection.client.push() }

  /// Closes both sides.
  mutating func close() { connection = Connection() }

  private func watch(_ number: Int32, _ watch: Watch, insteadOf present: Watch, _ side: UInt32) throws(Errno) {
    let token = Token(slot: 0, generation: 0, side: side)
    let interest: Poller.Interest = watch == .arrivalsAndRoom ? .arrivalsAndRoom : .arrivals
    if present == .none {
      try poller.add(number, interest, token)
    } else {
      try poller.modify(number, interest, token)
    }
  }

  static let clientSide: UInt32 = 0
  static let backendSide: UInt32 = 1
}
