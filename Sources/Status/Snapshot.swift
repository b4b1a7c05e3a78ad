package import Wire

/// What a status file told at one moment.
package struct Snapshot: Sendable {
  /// The version of the program that wrote it.
  package let program: String
  /// Its process, as it sees itself: in a container others may see it by another number.
  package let process: Int32
  /// When it started: nanoseconds since 1970, and of the monotonic clock.
  package let startedAt: Int64
  package let startedOnClock: Int64
  /// The last that it said of itself, and when (nanoseconds since 1970).
  package let state: ProgramState
  package let stateSince: Int64
  /// Whether the process lives. One that is not alive, and has not ended, was killed or crashed.
  package let isAlive: Bool
  package let limits: Limits
  /// By worker.
  package let workers: [Counts]
  /// All workers together.
  package let total: Counts
  private let log: [UInt64]

  package func lines(_ line: LogLine) -> UInt64 { log[line.rawValue] }
}

/// What one worker counted, or all of them did.
package struct Counts: Sendable {
  private var words: [UInt64]

  init(_ words: [UInt64]) { self.words = words }

  init(sum counts: [Counts]) {
    words = [UInt64](repeating: 0, count: Layout.Worker.count)
    for (index, each) in counts.enumerated() {
      for place in words.indices where place != Layout.Worker.lastTurn { words[place] &+= each.words[place] }
      let turn = each.words[Layout.Worker.lastTurn]
      words[Layout.Worker.lastTurn] = index == 0 ? turn : min(turn, words[Layout.Worker.lastTurn])
    }
  }

  /// When the loop last turned (nanoseconds of the monotonic clock); of all, the one that turned longest ago.
  package var lastTurn: Int64 { Int64(bitPattern: words[Layout.Worker.lastTurn]) }

  package var accepted: UInt64 { words[Layout.Worker.accepted] }
  package var relayed: UInt64 { words[Layout.Worker.relayed] }
  /// Clients whose connection is the backend's, and those of them that the backend closed without taking them.
  package var handedOver: UInt64 { words[Layout.Worker.handedOver] }
  package var droppedByReceivers: UInt64 { words[Layout.Worker.droppedByReceivers] }
  package func ended(_ end: RelayEnd) -> UInt64 { words[Layout.Worker.ends + end.rawValue] }
  /// Connections that the program's end cut, whatever their stage.
  package var cutAtStop: UInt64 { words[Layout.Worker.cutAtStop] }
  package func refused(_ kind: Refusal.Kind) -> UInt64 { words[Layout.Worker.refusals + kind.rawValue] }

  /// Open connections that are at this stage.
  package func now(_ stage: Stage) -> UInt64 { words[Layout.Worker.stages + stage.rawValue] }
  package var open: UInt64 { Stage.allCases.reduce(0) { $0 &+ now($1) } }

  /// Bytes that were delivered to backends, without PROXY headers, and to clients.
  package var uploaded: UInt64 { words[Layout.Worker.uploaded] }
  package var downloaded: UInt64 { words[Layout.Worker.downloaded] }

  /// Pipes that it holds, for bulk, and how often it could have none.
  package var pipes: UInt64 { words[Layout.Worker.pipes] }
  package var missingPipes: UInt64 { words[Layout.Worker.missingPipes] }

  /// PROXY headers that were sent.
  package var headersOfVersion1: UInt64 { words[Layout.Worker.headers] }
  package var headersOfVersion2: UInt64 { words[Layout.Worker.headers + 1] }

  package func troubles(_ trouble: AcceptTrouble) -> UInt64 { words[Layout.Worker.troubles + trouble.rawValue] }
  /// Workers of which this is true.
  package func now(_ accepting: Accepting) -> UInt64 { words[Layout.Worker.accepting + accepting.rawValue] }

  package func times(_ step: Step) -> Histogram {
    let start = Layout.Worker.times + step.rawValue * Layout.Times.count
    return Histogram(
      sum: words[start + Layout.Times.sum],
      buckets: Array(words[start + Layout.Times.buckets..<start + Layout.Times.count]))
  }
}

/// How long something took, how often.
package struct Histogram: Equatable, Sendable {
  /// The longest time of each bucket but the last, in nanoseconds.
  package static var bounds: [Int64] { Layout.Times.bounds }

  /// Of all times, in nanoseconds.
  package let sum: UInt64
  /// How many were not longer than the bound, and longer than the one before; the last is for all that are longer.
  package let buckets: [UInt64]
  package var count: UInt64 { buckets.reduce(0, &+) }
}

extension Snapshot {
  /// Reads the words of a whole file, whose length and version are right; nil where one has no meaning.
  init?(_ words: [UInt64], isAlive: Bool) {
    func signed(_ place: Int) -> Int64 { Int64(bitPattern: words[place]) }
    func limit(_ place: Int) -> Int? { words[place] == 0 ? nil : Int(clamping: words[place]) }
    guard let state = ProgramState(rawValue: words[Layout.Header.state]),
      let process = Int32(exactly: words[Layout.Header.process])
    else { return nil }
    let turns = (0..<Int(words[Layout.Header.workers])).map { Layout.Worker.start($0) + Layout.Worker.lastTurn }
    let moments = [Layout.Header.startedAt, Layout.Header.startedOnClock, Layout.Header.stateSince] + turns
    guard moments.allSatisfy({ words[$0] <= Self.latest }) else { return nil }
    self.state = state
    self.process = process
    self.isAlive = isAlive
    startedAt = signed(Layout.Header.startedAt)
    startedOnClock = signed(Layout.Header.startedOnClock)
    stateSince = signed(Layout.Header.stateSince)
    program = Self.text(words[Layout.Header.program])
    var limits = Limits()
    limits.maxConnections = Int(clamping: words[Layout.Header.maxConnections])
    limits.helloTimeout = signed(Layout.Header.helloTimeout)
    limits.connectTimeout = signed(Layout.Header.connectTimeout)
    limits.drainTimeout = signed(Layout.Header.drainTimeout)
    limits.maxPerClient = limit(Layout.Header.maxPerClient)
    limits.maxPerHost = limit(Layout.Header.maxPerHost)
    self.limits = limits
    log = Array(words[Layout.Log.start..<Layout.Log.start + Layout.Log.count])
    workers = (0..<Int(words[Layout.Header.workers])).map {
      Counts(Array(words[Layout.Worker.start($0)..<Layout.Worker.start($0 + 1)]))
    }
    total = Counts(sum: workers)
  }

  /// In nanoseconds, more than a century after what any clock tells. Sums and differences of such moments have no overflow.
  private static let latest: UInt64 = (1 << 62) - 1

  /// Printable ASCII only: who wrote the file may be anybody.
  private static func text(_ words: ArraySlice<UInt64>) -> String {
    let bytes = words.flatMap { word in (0..<8).map { UInt8(truncatingIfNeeded: word.littleEndian >> (8 * $0)) } }
    return String(decoding: bytes.prefix { $0 != 0 }.map { (0x21...0x7e).contains($0) ? $0 : 0x3f }, as: UTF8.self)
  }
}
