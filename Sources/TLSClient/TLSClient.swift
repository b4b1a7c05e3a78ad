import COpenSSL
package import Inspection
package import Kernel

/// Asks many backends for their certificates, some at once, in bounded time.
@safe package final class TLSClient {
  package enum Outcome: Equatable, Sendable {
    case certificate(Certificate)
    case failed(String)
  }

  let context: OpaquePointer

  /// nil where there is no memory.
  package init?() {
    guard let context = unsafe openssl_client() else { return nil }
    unsafe self.context = context
  }

  deinit { unsafe SSL_CTX_free(context) }

  /// - Parameters:
  ///   - names: the server names to send.
  ///   - connect: gives a connection on which the handshake may begin; none (`Socket.none`) where there is none.
  /// - Returns: what came of each, in their order.
  package func ask(_ names: [String], _ connect: (Int) -> Socket) throws(Errno) -> [Outcome] {
    var outcomes = [Outcome](repeating: .failed("there was no time left for it"), count: names.count)
    var handshakes: [Int: Handshake] = [:]
    var poller = try Poller(eventsAtOnce: Self.mostAtOnce)
    var next = 0
    let end = monotonicNow() + Self.timeInAll
    while next < names.count || !handshakes.isEmpty {
      while next < names.count, handshakes.count < Self.mostAtOnce, monotonicNow() < end {
        let socket = connect(next)
        defer { next += 1 }
        guard socket.number >= 0 else {
          outcomes[next] = .failed("it can no longer be connected to")
          continue
        }
        guard let handshake = Handshake(socket, names[next], self, deadline: monotonicNow() + Self.time) else {
          throw .noMemory
        }
        if let outcome = handshake.proceed() {
          outcomes[next] = outcome
        } else {
          try poller.add(handshake.number, .arrivalsAndRoom, Token(slot: next, generation: 0, side: 0))
          handshakes[next] = handshake
        }
      }
      guard !handshakes.isEmpty else { break }
      for index in 0..<(try poller.wait(milliseconds: Self.turn)) {
        let slot = poller.event(index).token.slot
        guard let outcome = handshakes[slot]?.proceed() else { continue }
        outcomes[slot] = outcome
        handshakes[slot] = nil
      }
      let now = monotonicNow()
      for (slot, handshake) in handshakes where handshake.deadline < now || end < now {
        outcomes[slot] = .failed("the backend did not finish the handshake in \(Self.time / 1_000_000_000) seconds")
        handshakes[slot] = nil
      }
    }
    return outcomes
  }

  private static let mostAtOnce = 32
  private static let time: Int64 = 5_000_000_000
  private static let timeInAll: Int64 = 60_000_000_000
  /// In milliseconds.
  private static let turn: Int32 = 100
}
