package import Status
import Wire

/// A status file as it was at one moment.
package struct Reading: Sendable {
  /// Nanoseconds of the monotonic clock.
  package let time: Int64
  package let snapshot: Snapshot

  package init(_ snapshot: Snapshot, at time: Int64) {
    self.snapshot = snapshot
    self.time = time
  }

  /// How long it took from an earlier reading of the same process, in seconds; nil for another process, or no time.
  func seconds(since earlier: Reading?) -> Double? {
    guard let earlier, earlier.time < time, earlier.snapshot.process == snapshot.process,
      earlier.snapshot.startedOnClock == snapshot.startedOnClock
    else { return nil }
    return Double(time - earlier.time) / 1e9
  }

  /// How often in a second something was counted since an earlier reading; nil where there is no telling.
  package func rate(since earlier: Reading?, _ value: (Counts) -> UInt64) -> Double? {
    guard let earlier, let seconds = seconds(since: earlier) else { return nil }
    let (before, now) = (value(earlier.snapshot.total), value(snapshot.total))
    return now >= before ? Double(now - before) / seconds : nil
  }

  /// The times that were taken since an earlier reading; all of them if that was of another process.
  func times(_ step: Step, since earlier: Reading?) -> Distribution {
    let now = Distribution(snapshot.total.times(step))
    guard let earlier, seconds(since: earlier) != nil else { return now }
    return now.since(Distribution(earlier.snapshot.total.times(step)))
  }
}

extension Snapshot {
  /// What a person wants to know first.
  package enum Condition: String {
    case starting, serving, draining, ended
    /// The process is gone, and did not say why.
    case dead
  }

  package var condition: Condition {
    switch state {
    case .ended: .ended
    case _ where !isAlive: .dead
    case .starting: .starting
    case .running: .serving
    case .draining: .draining
    }
  }

  /// When any worker last did something, in nanoseconds since 1970; nil if none ever did.
  package var lastTurn: Int64? {
    guard let turn = workers.map(\.lastTurn).max(), turn > 0 else { return nil }
    return startedAt + (turn - startedOnClock)
  }
}

extension Counts {
  package var refused: UInt64 { Refusal.Kind.allCases.reduce(0) { $0 &+ refused($1) } }
  /// Bytes both ways.
  package var moved: UInt64 { uploaded &+ downloaded }
}

extension Distribution {
  init(_ histogram: Histogram) {
    self.init(
      bounds: Histogram.bounds.map { Double($0) / 1e9 }, counts: histogram.buckets, sum: Double(histogram.sum) / 1e9)
  }
}
