/// How often times fell between fixed bounds.
package struct Distribution: Equatable, Sendable {
  /// Upper bounds in seconds, included in what they bound, ascending.
  package let bounds: [Double]
  /// One more than there are bounds: the last is what was longer than all of them. Each counts its own times only.
  package var counts: [UInt64]
  /// Of all times, in seconds.
  package var sum: Double

  package init(bounds: [Double], counts: [UInt64], sum: Double) {
    precondition(counts.count == bounds.count + 1)
    self.bounds = bounds
    self.counts = counts
    self.sum = sum
  }

  package var count: UInt64 { counts.reduce(0, &+) }

  /// A time that this share of all times did not exceed, by a straight line between the bounds next to it.
  package enum Quantile: Equatable {
    case seconds(Double)
    /// Longer than the last bound.
    case beyond(Double)
  }

  /// Nil if there are no times.
  package func quantile(_ share: Double) -> Quantile? {
    let rank = share * Double(count)
    var below = 0.0
    for (index, count) in counts.enumerated() where count > 0 {
      let within = Double(count)
      guard below + within >= rank else {
        below += within
        continue
      }
      guard index < bounds.count else { return .beyond(bounds.last ?? 0) }
      let lower = index == 0 ? 0 : bounds[index - 1]
      return .seconds(lower + (bounds[index] - lower) * max(0, rank - below) / within)
    }
    return nil
  }

  /// What came in addition to an earlier state of the same distribution; all of it, if that was of another.
  package func since(_ earlier: Distribution) -> Distribution {
    guard earlier.bounds == bounds, zip(earlier.counts, counts).allSatisfy({ $0 <= $1 }) else { return self }
    var difference = self
    for index in counts.indices { difference.counts[index] -= earlier.counts[index] }
    difference.sum = max(0, sum - earlier.sum)
    return difference
  }
}
