public import Kernel
package import Wire

/// What one worker counts. Only its thread may use it. What is public is so for speed, as with `Words`.
public struct Tally: Sendable {
  @usableFromInline let words: Words

  /// Counts that nobody reads.
  package init() { words = Words(count: Layout.Worker.count) }

  init(_ words: Words) { self.words = words }

  // MARK: - The loop

  /// The loop turned at this time of the monotonic clock.
  @inlinable @inline(__always) public func turned(at now: Int64) {
    words[Layout.Worker.lastTurn] = UInt64(bitPattern: now)
  }

  /// When it last turned.
  package var lastTurn: Int64 { Int64(bitPattern: words[Layout.Worker.lastTurn]) }

  /// Pipes that it holds, and how often it could have none.
  @inlinable @inline(__always) public func holds(pipes: Int, missed: Int) {
    words[Layout.Worker.pipes] = UInt64(pipes)
    words[Layout.Worker.missingPipes] = UInt64(missed)
  }

  // MARK: - Accepting

  package func accepted() { add(1, at: Layout.Worker.accepted) }

  package func had(_ trouble: AcceptTrouble) { add(1, at: Layout.Worker.troubles + trouble.rawValue) }

  /// - Parameter accepting: nil where it takes no new clients.
  package func accepts(_ accepting: Accepting?) {
    for each in Accepting.allCases { words[Layout.Worker.accepting + each.rawValue] = each == accepting ? 1 : 0 }
  }

  // MARK: - A connection

  /// It comes to a stage, or leaves one.
  package func enters(_ stage: Stage) { add(1, at: Layout.Worker.stages + stage.rawValue) }
  package func leaves(_ stage: Stage) { add(.max, at: Layout.Worker.stages + stage.rawValue) }

  /// How long a step took, in nanoseconds.
  package func took(_ step: Step, _ time: Int64) {
    let start = Layout.Worker.times + step.rawValue * Layout.Times.count
    add(UInt64(max(0, time)), at: start + Layout.Times.sum)
    add(1, at: start + Layout.Times.buckets + Self.bucket(time))
  }

  package func relayed(_ header: ProxyHeader?) {
    add(1, at: Layout.Worker.relayed)
    switch header {
    case nil: break
    case .version1: add(1, at: Layout.Worker.headers)
    case .version2: add(1, at: Layout.Worker.headers + 1)
    }
  }

  /// A client's connection is the backend's.
  package func handedOver() { add(1, at: Layout.Worker.handedOver) }

  /// A backend closed one of these without taking it.
  package func droppedByReceiver() { add(1, at: Layout.Worker.droppedByReceivers) }

  /// Bytes that were delivered to the backend, and to the client.
  @inlinable @inline(__always) public func moved(up: UInt64, down: UInt64) {
    words[Layout.Worker.uploaded] &+= up
    words[Layout.Worker.downloaded] &+= down
  }

  package func refused(_ kind: Refusal.Kind) { add(1, at: Layout.Worker.refusals + kind.rawValue) }

  package func relayEnded(_ end: RelayEnd) { add(1, at: Layout.Worker.ends + end.rawValue) }

  package func cutAtStop() { add(1, at: Layout.Worker.cutAtStop) }
  /// How many it has counted of these.
  package var cuts: Int { Int(truncatingIfNeeded: words[Layout.Worker.cutAtStop]) }

  private func add(_ more: UInt64, at place: Int) { words[place] &+= more }

  /// The first of `Layout.Times.bounds` that is not shorter: in each decade 1, 2.5 and 5.
  static func bucket(_ time: Int64) -> Int {
    var decade = Layout.Times.shortest
    for bucket in stride(from: 0, to: Layout.Times.boundCount - 1, by: 3) {
      if time <= decade { return bucket }
      if time <= decade / 2 * 5 { return bucket + 1 }
      if time <= decade * 5 { return bucket + 2 }
      decade *= 10
    }
    return time <= decade ? Layout.Times.boundCount - 1 : Layout.Times.boundCount
  }
}

/// What the log counts. Of each line, only one thread at a time may count.
package struct LogTally: Sendable {
  private let words: Words

  /// Counts that nobody reads.
  package init() { words = Words(count: Layout.Log.count) }

  init(_ words: Words) { self.words = words }

  package func had(_ line: LogLine, _ count: Int = 1) { words[line.rawValue] &+= UInt64(count) }
}
