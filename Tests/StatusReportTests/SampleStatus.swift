import Foundation
import Status
import Wire

/// A status file of a process that lives as long as this, with what a test has it count.
final class SampleStatus {
  let path = "/tmp/sniproxy-status-test.\(UUID().uuidString.prefix(8))"
  private(set) var ledger: Ledger
  private let workers: Int

  init(workers: Int = 2) throws {
    self.workers = workers
    ledger = try Ledger(workers: workers, path: path)
    begin()
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  /// As another process that starts would.
  func restart() throws {
    ledger = try Ledger(workers: workers, path: path)
    begin()
  }

  func snapshot() throws -> Snapshot { try StatusFile.read(path) }

  /// An hour of a busy site.
  func countMuch() {
    for worker in 0..<workers {
      let tally = ledger.tally(worker)
      for _ in 0..<1000 {
        tally.accepted()
        tally.took(.hello, 1_200_000)
        tally.took(.lookUp, 40_000)
        tally.took(.connect, 90_000)
        tally.relayed(nil)
        tally.handedOver()
      }
      tally.moved(up: 1_000_000_000, down: 123_000_000_000_000)
      for end in RelayEnd.allCases { tally.relayEnded(end) }
      for stage in Stage.allCases { tally.enters(stage) }
      for trouble in AcceptTrouble.allCases { tally.had(trouble) }
      for kind in Refusal.Kind.allCases { tally.refused(kind) }
      for _ in 0..<10 { tally.refused(.unknownName) }
      tally.cutAtStop()
      tally.droppedByReceiver()
      tally.turned(at: Int64(clamping: DispatchTime.now().uptimeNanoseconds))
    }
    for line in LogLine.allCases { ledger.log.had(line, 3) }
  }

  private func begin() {
    var limits = Limits()
    limits.maxConnections = 32_743
    ledger.tell(limits)
    ledger.enter(.running)
  }
}
