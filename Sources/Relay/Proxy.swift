package import Kernel
package import Status
import Synchronization

/// The whole relay: workers that share the listening sockets, the hosts directory and the counters.
package final class Proxy: Sendable {
  package enum Phase: Int, Sendable {
    /// Workers get ready, and wait.
    case preparing
    case running
    /// No more clients; those that are there are served to their end.
    case draining
    /// Whoever is still there is cut.
    case ending
  }

  package let settings: Settings
  package let admission: Admission
  /// Signalled when something happened that whoever runs the proxy waits for.
  package let changed: Wakeup
  let hosts: HostsDirectory
  /// nil where there is no limit.
  let clients: Quota<ClientNetwork>?
  /// Clients that were handed over and that their receivers have not taken yet.
  let untaken: Quota<FileIdentity>
  let unfinished: UnfinishedHellos
  let report: @Sendable (Event) -> Void
  private let workers: [WorkerControl]
  private let phaseNumber = Atomic(Phase.preparing.rawValue)

  package init(
    settings: Settings, hosts: HostsDirectory, workers: Int, limit: Int, ledger: Ledger,
    report: @escaping @Sendable (Event) -> Void
  ) throws(Errno) {
    self.settings = settings
    self.hosts = hosts
    self.report = report
    admission = Admission(limit: limit, now: monotonicNow())
    clients = settings.maxPerClient.map { Quota(most: $0) }
    untaken = Quota(most: max(1, min(limit / 8, Self.mostUntaken)))
    changed = try Wakeup()
    var controls: [WorkerControl] = []
    for number in 0..<workers { controls.append(try WorkerControl(ledger.tally(number))) }
    self.workers = controls
    unfinished = UnfinishedHellos(most: max(1, limit / 2), of: controls)
  }

  package var phase: Phase {
    guard let phase = Phase(rawValue: phaseNumber.load(ordering: .acquiring)) else { preconditionFailure() }
    return phase
  }

  /// Starts the workers. Once `state` says that they are ready, they wait for `enter(.running)`.
  package func start(_ listeners: [ListeningSocket]) throws(Errno) {
    for (number, control) in workers.enumerated() {
      control.listeners.withLock { $0 = listeners }
      try startThread("worker \(number)") { [self] in
        do throws(Errno) {
          var worker = try Worker(self, control)
          try worker.run()
        } catch {
          report(.workerFailed(error))
          control.state.store(WorkerControl.State.failed.rawValue, ordering: .releasing)
          changed.signal()
        }
      }
    }
  }

  package func enter(_ phase: Phase) {
    phaseNumber.store(phase.rawValue, ordering: .releasing)
    wakeWorkers()
  }

  func wakeWorkers() {
    for worker in workers { worker.wakeup.signal() }
  }

  /// How far the slowest worker is; `.failed` if any has failed.
  package var state: WorkerControl.State {
    let states = workers.map(\.currentState)
    return states.contains(.failed) ? .failed : states.min { $0.rawValue < $1.rawValue } ?? .failed
  }

  /// Connections that the end of the program has cut.
  package var cuts: Int { workers.reduce(0) { $0 + $1.tally.cuts } }

  /// The last turn of the loop that turned longest ago (nanoseconds of the monotonic clock).
  package var oldestTurn: Int64 { workers.map(\.tally.lastTurn).min() ?? .max }

  /// Of one host directory: enough for a receiver that is busy for a moment, and few of the descriptors that the proxy's user
  /// may have on their way (unix(7), ETOOMANYREFS).
  private static let mostUntaken = 256
}

/// What a worker and the rest of the program know of each other.
package final class WorkerControl: Sendable {
  package enum State: Int, Sendable {
    case failed
    case starting
    /// Has all that it needs.
    case ready
    case running
    /// Has let go of the listening sockets.
    case stopped
    /// Has given account of the connections that it cut.
    case ended
  }

  let wakeup: Wakeup
  let tally: Tally
  let state = Atomic(State.starting.rawValue)
  private let oldestHelloDue = Atomic(Int64.max)
  /// Handed to the worker, so that it holds the last reference to them.
  let listeners = Mutex<[ListeningSocket]>([])

  init(_ tally: Tally) throws(Errno) {
    wakeup = try Wakeup()
    self.tally = tally
    tally.turned(at: monotonicNow())
  }

  /// The deadline of the worker's oldest unfinished ClientHello.
  var oldestHello: Int64 {
    get { oldestHelloDue.load(ordering: .sequentiallyConsistent) }
    set { oldestHelloDue.store(newValue, ordering: .sequentiallyConsistent) }
  }

  var currentState: State { State(rawValue: state.load(ordering: .acquiring)) ?? .failed }
}
