import CLinux
import Glibc
package import Wire

/// A TCP connection of this program with itself, one end of which can be given away.
package struct LoopbackConnection: ~Copyable {
  /// The client's end, which never blocks.
  private let connected: Socket
  /// The server's end as accept(2) gives it: it blocks.
  package let accepted: Socket
  package let client: Endpoint
  package let server: Endpoint

  /// By way of 127.0.0.1. The corresponding C functions are `socket`, `bind`, `listen`, `connect` and `accept4`.
  package init() throws(Errno) {
    let listener = Descriptor(owning: try call { linux_stream_socket(AF_INET) })
    let number = listener.number
    let any = SocketAddress(.v4([127, 0, 0, 1]), port: 0)
    try call { unsafe any.withPointer { address, length in unsafe linux_bind(number, address, length) } }
    try call { listen(number, 1) }
    let address = try SocketAddress(localOf: number)
    let connected = try Socket.internet()
    do throws(Errno) { try connected.connect(to: address) } catch .inProgress {}
    let client = try SocketAddress(localOf: connected.number).endpoint
    let accepted = try Self.accept(client, number)
    try accepted.setBlocking(true)
    (self.client, server) = (client, address.endpoint)
    self.connected = connected
    self.accepted = accepted
  }

  package consuming func takeConnected() -> Socket { connected }

  /// The connection that comes from `client`: anybody may connect first.
  private static func accept(_ client: Endpoint, _ listener: Int32) throws(Errno) -> Socket {
    var poller = try Poller(eventsAtOnce: 1)
    try poller.add(listener, .readable, Token(slot: 0, generation: 0, side: 0))
    for _ in 0..<mostStrangers {
      guard try poller.wait(milliseconds: patience) > 0 else { throw .timedOut }
      var number: Int32 = -1
      let address = unsafe try SocketAddress { address, length throws(Errno) in
        number = try call { unsafe linux_accept(listener, address, length) }
      }
      let socket = Socket(owning: number)
      if address.endpoint == client { return socket }
    }
    throw .timedOut
  }

  private static let mostStrangers = 8
  /// In milliseconds.
  private static let patience: Int32 = 1000
}
