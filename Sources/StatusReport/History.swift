import Status

/// What a live view has to remember.
package struct History {
  private(set) var latest: Reading?
  /// Bytes per second between the readings, the oldest first; nil where there is no telling.
  private(set) var throughput: [Double?] = []
  private var before: Reading?
  /// At most one for each second of the last minute.
  private var minute: [Reading] = []
  /// Why the last reading failed; nil if it did not.
  private(set) var failure: String?

  package init() {}

  /// The file was read.
  package mutating func add(_ reading: Reading) {
    failure = nil
    before = latest
    if reading.seconds(since: latest) == nil { minute = [] }
    latest = reading
    note(reading.rate(since: before, \.moved))
    if let last = minute.last, reading.time - last.time < 1_000_000_000 { return }
    minute.append(reading)
    minute.removeAll { reading.time - $0.time > 60_000_000_000 }
  }

  /// The file could not be read.
  package mutating func add(failure: String) {
    self.failure = failure
    note(nil)
  }

  /// The reading before the latest.
  var previous: Reading? { before }

  /// The oldest reading of the same process in the last minute.
  var minuteAgo: Reading? { minute.first }

  private mutating func note(_ rate: Double?) {
    throughput.append(rate)
    if throughput.count > Self.widest { throughput.removeFirst(throughput.count - Self.widest) }
  }

  /// More columns than a terminal has.
  private static let widest = 1000
}
