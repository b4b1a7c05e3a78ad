/// Measured durations.
public struct Samples: Sendable {
  private var nanoseconds: [UInt32] = []

  init(capacity: Int) {
    nanoseconds.reserveCapacity(capacity)
  }

  public var count: Int { nanoseconds.count }

  @inline(__always)
  mutating func add(_ duration: UInt64) {
    nanoseconds.append(UInt32(clamping: duration))
  }

  public mutating func add(_ others: Samples) {
    nanoseconds += others.nanoseconds
  }

  /// The duration, in seconds, that this part of all does not exceed: 0.99 for the 99th percentile. By the nearest
  /// rank.
  public func percentile(_ part: Double) -> Double {
    guard !nanoseconds.isEmpty else { return 0 }
    let rank = Int((part * Double(count)).rounded(.up))
    return Double(nanoseconds.sorted()[min(max(rank, 1), count) - 1]) / 1e9
  }
}

/// The middle of the values; the mean of the two in the middle of an even number.
public func median(_ values: [Double]) -> Double? {
  guard !values.isEmpty else { return nil }
  let sorted = values.sorted()
  let middle = sorted.count / 2
  return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}
