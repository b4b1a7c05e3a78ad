import Foundation
import Kernel
import Testing
import Wire

@testable import Status

/// What is written is read back, by word and by worker, and a file that is not as it should be is told by its flaw.
@Suite struct LedgerTests {
  @Test func `each worker's counts are its own, and the total is their sum`() throws {
    let directory = try TemporaryDirectory()
    let ledger = try Ledger(workers: 3, path: directory.file("status"))
    for (number, count) in [0: 3, 1: 0, 2: 5] {
      let tally = ledger.tally(number)
      tally.turned(at: Int64(100 - number))
      for _ in 0..<count {
        tally.accepted()
        tally.enters(.waitingForHello)
        tally.took(.hello, 20_000)
        tally.leaves(.waitingForHello)
        tally.enters(.relaying)
        tally.relayed(.version2)
        tally.moved(up: 10, down: 1 << 40)
      }
    }
    let snapshot = try StatusFile.read(directory.file("status"))
    #expect(snapshot.workers.map(\.accepted) == [3, 0, 5])
    #expect(snapshot.workers.map(\.lastTurn) == [100, 99, 98])
    let total = snapshot.total
    #expect(total.lastTurn == 98)
    #expect((total.accepted, total.relayed, total.open, total.now(.relaying)) == (8, 8, 8, 8))
    #expect((total.uploaded, total.downloaded) == (80, 8 << 40))
    #expect((total.headersOfVersion1, total.headersOfVersion2) == (0, 8))
    #expect(total.times(.hello).count == 8 && total.times(.hello).sum == 160_000)
    #expect(total.times(.connect).count == 0)
  }

  /// No verb counts at another's place.
  @Test func `every count has a place of its own`() throws {
    typealias Verb = (name: String, write: (Tally) -> Void, read: (Counts) -> UInt64)
    var verbs: [Verb] = [
      ("accepted", { $0.accepted() }, \.accepted),
      ("relayed", { $0.relayed(nil) }, \.relayed),
      ("up", { $0.moved(up: 1, down: 0) }, \.uploaded),
      ("down", { $0.moved(up: 0, down: 1) }, \.downloaded),
      ("cut", { $0.cutAtStop() }, \.cutAtStop),
      ("pipes", { $0.holds(pipes: 1, missed: 0) }, \.pipes),
      ("no pipes", { $0.holds(pipes: 0, missed: 1) }, \.missingPipes),
      ("turn", { $0.turned(at: 1) }, { UInt64($0.lastTurn) }),
    ]
    for each in Stage.allCases { verbs.append(("\(each)", { $0.enters(each) }, { $0.now(each) })) }
    for each in RelayEnd.allCases { verbs.append(("\(each)", { $0.relayEnded(each) }, { $0.ended(each) })) }
    for each in AcceptTrouble.allCases { verbs.append(("\(each)", { $0.had(each) }, { $0.troubles(each) })) }
    for each in Accepting.allCases { verbs.append(("\(each)", { $0.accepts(each) }, { $0.now(each) })) }
    for each in Refusal.Kind.allCases { verbs.append(("\(each)", { $0.refused(each) }, { $0.refused(each) })) }
    for each in Step.allCases { verbs.append(("\(each)", { $0.took(each, 7) }, { $0.times(each).count })) }
    for (index, verb) in verbs.enumerated() {
      let ledger = Ledger(workers: 1)
      verb.write(ledger.tally(0))
      let counts = Counts(ledger.copy(ofWorker: 0))
      for (other, another) in verbs.enumerated() {
        #expect(another.read(counts) == (index == other ? 1 : 0), "\(another.name) after \(verb.name)")
      }
    }
  }

  @Test func `gauges come back to zero`() {
    let ledger = Ledger(workers: 1)
    let tally = ledger.tally(0)
    for stage in Stage.allCases {
      tally.enters(stage)
      tally.enters(stage)
      tally.leaves(stage)
      tally.leaves(stage)
    }
    tally.accepts(.atLimit)
    tally.accepts(nil)
    #expect(ledger.copy(ofWorker: 0).allSatisfy { $0 == 0 })
  }

  @Test(arguments: [
    (0, 0), (10_000, 0), (10_001, 1), (25_000, 1), (999_999, 6), (1_000_000, 6), (1_000_001, 7), (10_000_000_000, 18),
    (10_000_000_001, 19), (Int64.max, 19), (-5, 0),
  ]) func `a time is in the first bucket that holds it`(_ time: Int64, _ bucket: Int) {
    #expect(Tally.bucket(time) == bucket)
    #expect(Histogram.bounds.firstIndex { time <= $0 } ?? Histogram.bounds.count == bucket)
    let ledger = Ledger(workers: 1)
    ledger.tally(0).took(.lookUp, time)
    let histogram = Counts(ledger.copy(ofWorker: 0)).times(.lookUp)
    #expect(histogram.buckets.firstIndex(of: 1) == bucket && histogram.count == 1)
    #expect(histogram.sum == UInt64(max(0, time)))
  }

  @Test func `what the program tells of itself`() throws {
    let directory = try TemporaryDirectory()
    let before = wallClockNow()
    let ledger = try Ledger(workers: 1, path: directory.file("status"))
    var limits = Limits()
    limits.maxConnections = 1000
    limits.helloTimeout = 5
    limits.connectTimeout = 6
    limits.drainTimeout = 7
    limits.maxPerHost = 8
    ledger.tell(limits)
    ledger.log.had(.leftOut, 3)
    ledger.enter(.draining)
    let snapshot = try StatusFile.read(directory.file("status"))
    #expect(snapshot.program == version && snapshot.process == getpid())
    #expect(snapshot.limits == limits)
    #expect(snapshot.state == .draining)
    #expect((before...wallClockNow()).contains(snapshot.startedAt))
    #expect((snapshot.startedAt...wallClockNow()).contains(snapshot.stateSince))
    #expect((0...monotonicNow()).contains(snapshot.startedOnClock))
    #expect(LogLine.allCases.map(snapshot.lines) == [0, 0, 3, 0])
  }

  @Test func `blocks hold what they should, from the start of a cache line`() {
    #expect(LogLine.allCases.count <= Layout.Log.count)
    #expect(Layout.Worker.times + Step.allCases.count * Layout.Times.count <= Layout.Worker.count)
    #expect(Layout.Times.boundCount == Layout.Times.bounds.count)
    #expect(Layout.Times.buckets + Layout.Times.boundCount + 1 == Layout.Times.count)
    for start in [Layout.Log.start, Layout.Worker.start(0), Layout.Worker.start(1), Layout.Worker.start(2)] {
      #expect(start % (Words.cacheLine / 8) == 0)
    }
  }

  /// The order of everything in the file, by name. Whoever changes it changes `Layout.version`, and then this.
  @Test func `the layout belongs to its version`() {
    let words =
      Stage.allCases.map { "\($0)" } + RelayEnd.allCases.map { "\($0)" } + Accepting.allCases.map { "\($0)" }
      + AcceptTrouble.allCases.map { "\($0)" } + Refusal.Kind.allCases.map(\.key) + Step.allCases.map { "\($0)" }
      + Histogram.bounds.map { "\($0)" } + LogLine.allCases.map { "\($0)" } + ProgramState.allCases.map { "\($0)" }
    let places = [
      Layout.Worker.lastTurn, Layout.Worker.uploaded, Layout.Worker.downloaded, Layout.Worker.pipes,
      Layout.Worker.missingPipes, Layout.Worker.stages, Layout.Worker.accepted, Layout.Worker.relayed,
      Layout.Worker.handedOver, Layout.Worker.droppedByReceivers, Layout.Worker.ends, Layout.Worker.cutAtStop,
      Layout.Worker.accepting, Layout.Worker.troubles,
      Layout.Worker.headers, Layout.Worker.refusals, Layout.Worker.times, Layout.Worker.start(0), Layout.Worker.count,
    ]
    var sum: UInt64 = 0xcbf2_9ce4_8422_2325
    for byte in "\(words) \(places)".utf8 { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01b3 }
    #expect(Layout.version == 2)
    #expect(sum == 0x3b14_85b7_0f41_8314, "\(String(sum, radix: 16))")
  }
}
