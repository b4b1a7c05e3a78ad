import Foundation
import Synchronization

/// A healthy session that goes on beside all that happens: a client that exchanges pieces with a backend that echoes, and
/// knows every byte.
final class SteadySession: Sendable {
  init(to address: Address, name: String) throws {
    let client = try Connection(to: address, sending: Hello(name))
    let scratch = Scratch.current
    scratch.start(in: thread) { [self] in
      do { try goOn(client, skipping: Hello(name).bytes) } catch { state.withLock { $0.failure = error } }
    }
    scratch.atEnd { [self] in
      client.hangUp()
      thread.wait()
    }
  }

  /// Expects that it goes on: that more bytes come back than have by now.
  func expectProgress() throws {
    let before = state.withLock { $0.exchanged }
    try eventually("a healthy session to go on") {
      try state.withLock { state in
        if let failure = state.failure { throw failure }
        return state.exchanged > before
      }
    }
  }

  /// Ends it, and expects that it ends as it should.
  func finish() throws {
    state.withLock { $0.shallEnd = true }
    thread.wait()
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }

  private struct State {
    var exchanged = 0
    var shallEnd = false
    var failure: (any Error)?
  }

  private let state = Mutex(State())
  private let thread = DispatchGroup()

  private func goOn(_ client: Connection, skipping hello: [UInt8]) throws {
    guard try client.receive(hello.count) == hello else { throw Failure("the hello came back changed") }
    let stream = SeededBytes(seed: 3)
    var generator = SplitMix64(seed: 3)
    var place = 0
    while !state.withLock({ $0.shallEnd }) {
      let piece = stream.bytes(at: place, count: Int.random(in: 1...60_000, using: &generator))
      try client.send(piece)
      guard try client.receive(piece.count) == piece else { throw Failure("wrong bytes from \(place) on") }
      place += piece.count
      state.withLock { $0.exchanged = place }
      // So that others have the processors too.
      usleep(1000)
    }
    client.finishSending()
    try client.expectEnd()
  }
}
