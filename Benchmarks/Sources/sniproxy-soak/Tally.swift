import Foundation
import Synchronization

/// What the run has come to: sessions by kind, bytes, and what went wrong.
final class Tally: Sendable {
  struct Counts: Sendable {
    /// Sessions that went as they should, by kind.
    var done: [String: Int] = [:]
    /// Bytes of honest sessions, each compared at the other end.
    var up: UInt64 = 0
    var down: UInt64 = 0
    /// Honest sessions that were cut by a killed backend, or found none.
    var cut = 0
    /// Honest sessions closed before they were heard, while a flood took every place.
    var crowdedOut = 0
    var failures: [String] = []
    var moreFailures = 0
  }

  private let state = Mutex(Counts())

  var counts: Counts { state.withLock { $0 } }

  func finish(_ kind: String, up: UInt64 = 0, down: UInt64 = 0) {
    state.withLock { counts in
      counts.done[kind, default: 0] += 1
      counts.up += up
      counts.down += down
    }
  }

  func cut() { state.withLock { $0.cut += 1 } }
  func crowdOut() { state.withLock { $0.crowdedOut += 1 } }

  func fail(_ what: String) {
    state.withLock { counts in
      if counts.failures.count < 20 { counts.failures.append(what) } else { counts.moreFailures += 1 }
    }
  }
}
