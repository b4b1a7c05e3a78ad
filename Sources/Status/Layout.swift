/// Where things are in a status file: 64-bit words in the machine's byte order. First the header, which the main thread
/// writes, then a block of the log's thread, then one of each worker. Each begins with a cache line of its own.
@usableFromInline package enum Layout {
  /// Changes with every change here, and with every case of what is counted.
  package static let version: UInt64 = 2

  /// The first 8 bytes.
  package static let magic = Array("SNIstat\n".utf8)

  package enum Header {
    static let magic = 0
    static let version = 1
    static let length = 2
    static let workers = 3
    static let process = 4
    static let startedAt = 5
    static let startedOnClock = 6
    static let state = 7
    static let stateSince = 8
    static let maxConnections = 9
    static let helloTimeout = 10
    static let connectTimeout = 11
    static let drainTimeout = 12
    /// 0 for no limit.
    static let maxPerClient = 13
    static let maxPerHost = 14
    /// 1 where the life sign is a lock that readers cannot take; 0 where it is not.
    static let isExclusive = 15
    /// The program's version, in UTF-8, with zeros after it.
    static let program = 16..<24
    static let count = 24
  }

  package enum Log {
    static let start = 24
    static let count = 8
  }

  /// Words of a worker's block. What changes most often comes first, in one cache line. Where there are several of a kind, it is
  /// the place of the first. (Numbers, since the compiler would work out sums when the program runs.)
  @usableFromInline package enum Worker {
    @inlinable static var lastTurn: Int { 0 }
    @inlinable static var uploaded: Int { 1 }
    @inlinable static var downloaded: Int { 2 }
    @inlinable static var pipes: Int { 3 }
    @inlinable static var missingPipes: Int { 4 }
    static let stages = 5
    static let accepted = 10
    static let relayed = 11
    static let handedOver = 12
    static let droppedByReceivers = 13
    static let ends = 14
    static let cutAtStop = 19
    static let accepting = 20
    static let troubles = 23
    static let headers = 26
    static let refusals = 28
    static let times = 57
    static let count = 120

    static func start(_ number: Int) -> Int { Log.start + Log.count + number * count }
  }

  /// Words of a histogram: the sum in nanoseconds, then a count for each bound and one for what is longer.
  package enum Times {
    static let sum = 0
    static let buckets = 1
    static let count = 21

    /// The longest time that a bucket counts, in nanoseconds: 1, 2.5 and 5 in each decade from 10 microseconds to 10 seconds.
    package static let bounds: [Int64] = [
      shortest, 25_000, 50_000, 100_000, 250_000, 500_000,
      1_000_000, 2_500_000, 5_000_000, 10_000_000, 25_000_000, 50_000_000, 100_000_000, 250_000_000, 500_000_000,
      1_000_000_000, 2_500_000_000, 5_000_000_000, 10_000_000_000,
    ]
    static let boundCount = 19
    static let shortest: Int64 = 10_000
  }

  /// Of the whole file.
  static func count(workers: Int) -> Int { Worker.start(workers) }

  /// As many as `--workers` can ask for, and more.
  static let mostWorkers = 4096
}
