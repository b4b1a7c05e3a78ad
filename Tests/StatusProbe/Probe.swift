import Kernel
import Status
import Wire

/// `status-probe FILE`: all that a status file tells, a key and a value a line, for tests that cannot import `Status`.
@main
enum Probe {
  static func main() {
    let path = commandLineArguments().compactMap { $0 }.first ?? ""
    do throws(StatusFile.Flaw) {
      show(try StatusFile.read(path))
    } catch {
      print("flaw \(error)")
    }
  }

  private static func show(_ snapshot: Snapshot) {
    print(
      "program \(snapshot.program)\nprocess \(snapshot.process)\nstate \(snapshot.state)\nalive \(snapshot.isAlive)")
    print("startedAt \(snapshot.startedAt)\nstateSince \(snapshot.stateSince)\nworkers \(snapshot.workers.count)")
    let limits = snapshot.limits
    print("maxConnections \(limits.maxConnections)\nhelloTimeout \(limits.helloTimeout)")
    print("connectTimeout \(limits.connectTimeout)\ndrainTimeout \(limits.drainTimeout)")
    print("maxPerClient \(limits.maxPerClient ?? 0)\nmaxPerHost \(limits.maxPerHost ?? 0)")
    for line in LogLine.allCases { print("log.\(line) \(snapshot.lines(line))") }
    show("total", snapshot.total)
    for (number, counts) in snapshot.workers.enumerated() { show("worker\(number)", counts) }
  }

  private static func show(_ whose: String, _ counts: Counts) {
    var values = [
      ("accepted", counts.accepted), ("open", counts.open), ("relayed", counts.relayed), ("cut", counts.cutAtStop),
      ("handedOver", counts.handedOver), ("droppedByReceivers", counts.droppedByReceivers),
      ("version1", counts.headersOfVersion1), ("version2", counts.headersOfVersion2), ("uploaded", counts.uploaded),
      ("downloaded", counts.downloaded), ("pipes", counts.pipes), ("missingPipes", counts.missingPipes),
    ]
    values += Stage.allCases.map { ("\($0)", counts.now($0)) }
    values += RelayEnd.allCases.map { ("end.\($0)", counts.ended($0)) }
    values += AcceptTrouble.allCases.map { ("trouble.\($0)", counts.troubles($0)) }
    values += Accepting.allCases.map { ("accepting.\($0)", counts.now($0)) }
    values += Refusal.Kind.allCases.map { ("refused.\($0.key)", counts.refused($0)) }
    values += Step.allCases.map { ("times.\($0)", counts.times($0).count) }
    values += Step.allCases.map { ("sum.\($0)", counts.times($0).sum) }
    for (key, value) in values { print("\(whose).\(key) \(value)") }
  }
}
