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
  ///   - connect: gives a connection on which the handshake may begin. It is asked again for one to a backend whose backlog is
  ///     full, as these handshakes alone may fill it.
  /// - Returns: what came of each, in their order.
  package func ask(_ names: [String], _ connect: (Int) -> Inspector.Connecting) throws(Errno) -> [Outcome] {
    var outcomes = [Outcome](repeating: .failed("there was no time left for it"), count: names.count)
    var handshakes: [Int: Handshake] = [:]
    var poller = try Poller(eventsAtOnce: Self.mostAtOnce)
    var queue = Array(names.indices)[...]
    let end = monotonicNow() + Self.timeInAll
    var connected = monotonicNow()
    var fullSince: [Int: Int64] = [:]
    while !handshakes.isEmpty || !queue.isEmpty && monotonicNow() < end {
      var full: [Int] = []
      while handshakes.count < Self.mostAtOnce, full.count < Self.mostAtOnce, monotonicNow() < end,
        let next = queue.popFirst()
      {
        let socket: Socket
        switch connect(next) {
        case .connected(let new):
          socket = new
          connected = monotonicNow()
        case .backlogFull:
          let now = monotonicNow()
          if now - max(fullSince[next, default: now], connected) < Self.time {
            fullSince[next] = fullSince[next] ?? now
            full.append(next)
          } else {
            outcomes[next] = .failed("its backlog is full")
          }
          continue
        case .failed:
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
      if !full.isEmpty { queue = (full + queue)[...] }
      guard !handshakes.isEmpty || !queue.isEmpty else { break }
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
