import Synchronization

/// The open connections of all workers, and the limit on them.
package final class Admission: Sendable {
  package let limit: Int
  private let count = Atomic(0)
  private let paused = Atomic(0)
  private let changed = Atomic<Int64>(0)

  package init(limit: Int, now: Int64) {
    self.limit = limit
    changed.store(now, ordering: .relaxed)
  }

  package var open: Int { count.load(ordering: .relaxed) }

  /// When a connection last came or went (nanoseconds of the monotonic clock).
  package var lastChange: Int64 { changed.load(ordering: .relaxed) }

  /// Counts one connection in; false at the limit.
  package func enter(now: Int64) -> Bool {
    var present = open
    while present < limit {
      let (exchanged, original) = count.weakCompareExchange(
        expected: present, desired: present + 1, ordering: .sequentiallyConsistent)
      if exchanged {
        changed.store(now, ordering: .relaxed)
        return true
      }
      present = original
    }
    return false
  }

  /// Counts one out; true if workers that paused must be told.
  package func leave(now: Int64) -> Bool {
    count.subtract(1, ordering: .sequentiallyConsistent)
    changed.store(now, ordering: .relaxed)
    return paused.load(ordering: .sequentiallyConsistent) > 0
  }

  /// Says that a worker waits for room. If there is some by then, nobody will tell it: the result is then false.
  package func pause() -> Bool {
    paused.add(1, ordering: .sequentiallyConsistent)
    guard count.load(ordering: .sequentiallyConsistent) >= limit else {
      resume()
      return false
    }
    return true
  }

  package func resume() { paused.subtract(1, ordering: .sequentiallyConsistent) }
}
