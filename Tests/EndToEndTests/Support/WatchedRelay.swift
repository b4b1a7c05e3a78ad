import Foundation
import Synchronization
import Testing

/// sniproxy with two workers. One has a healthy session that goes on all the time, the other one's system calls are made to fail.
final class WatchedRelay {
  let proxy: Proxy
  private let load: MixedLoad
  private let steady: SteadySession
  /// The worker that has the healthy session, and the other one.
  private let healthy: pid_t
  private let sick: pid_t
  private let descriptorsAtRest: Int
  private let socketsAtRest: Int

  /// - Parameter withoutUnshare: its threads may not have working directories of their own
  init(withoutUnshare: Bool = false) throws {
    let hosts = try HostsDirectory()
    let internet = try Listener(.ip4(0))
    // So that downloads are spliced.
    _ = CongestionControl.reno.isGiven(to: internet.descriptor)
    let unix = try Listener(.unix(Scratch.current.file("listener")))
    load = try MixedLoad(hosts, internet: internet.address, unix: unix.address)
    let proxy = try Proxy(
      hosts, options: ["--workers", "2", "--connect-timeout", "1"], listen: [], environment: ["LISTEN_FDS": "2"],
      descriptors: [3: .descriptor(internet.descriptor), 4: .descriptor(unix.descriptor)],
      launcher: ["sh", "-c", "export LISTEN_PID=$$; exec \"$@\"", "sh"] + (withoutUnshare ? Injection.ofUnshare : []))
    self.proxy = proxy
    try eventually("sniproxy to listen: \(proxy.log)") { proxy.log.contains("listening on unix:") }
    let workers = try proxy.vitals.threads("worker")
    let atStart = try proxy.vitals.descriptors.count
    steady = try SteadySession(to: internet.address, name: "echo.test")
    try steady.expectProgress()
    let before = try workers.map { try proxy.vitals.processorTime(of: $0) }
    var busy: Int?
    try eventually("one worker to be busy") {
      busy = try workers.indices.first { try proxy.vitals.processorTime(of: workers[$0]) > before[$0] + 0.005 }
      return busy != nil
    }
    healthy = workers[busy!]
    sick = workers[1 - busy!]
    // Each worker may get a pipe.
    descriptorsAtRest = atStart + 2 + 2 * 2
    socketsAtRest = try proxy.vitals.sockets
    if withoutUnshare { try Injection.endTracer(of: proxy.child.pid) }
  }

  /// Lets the call fail while clients come, and expects that all is as before afterwards.
  func expectToBear(_ fault: FaultMatrixTests.Fault) throws {
    let threads =
      switch fault.row.thread {
      case .sickWorker: [sick]
      case .workers: [sick, healthy]
      case .log: try proxy.vitals.threads("log")
      }
    let injection = try Injection(fault.row.call, fault.error, fault.when, in: threads)
    let visits = Visits(load)
    func isTold() -> Bool { !fault.mustBeTold || proxy.log.contains("(\(fault.error))") }
    try eventually("\(fault.testDescription); the log: \(proxy.log)") {
      // Whom it hits first may be one of whom nothing is told.
      try visits.haveFailed || (fault.isNoticed ? visits.haveNoticed && isTold() : injection.failures > 0)
    }
    visits.endSoon()
    // The healthy one does not rest.
    try expectRest(of: threads[0], injection)
    try injection.end()
    let unexpected = try visits.outcomes().filter { !fault.row.consequence.explains($0.1) }
    #expect(unexpected.isEmpty)
    try eventually("the log to tell of \(fault.error): \(proxy.log)", isTold)
    try steady.expectProgress()
    try expectService()
  }

  /// Expects that everyone is served as if nothing had ever failed, and that nothing is left of them.
  func expectService() throws {
    let outcomes = try load.come()
    #expect(outcomes.allSatisfy { $0.value == .asWithoutFault }, "\(outcomes)")
    try eventually("only \(socketsAtRest) sockets to be open") { try proxy.vitals.sockets == socketsAtRest }
    try eventually("at most \(descriptorsAtRest) descriptors to be open") {
      try proxy.vitals.descriptors.count <= descriptorsAtRest
    }
  }

  func expectToEndWell() throws {
    try steady.finish()
    try proxy.stop()
    #expect(proxy.log.contains("stopped: 0 connections cut"), "\(proxy.log)")
  }

  /// The names of the system calls that all threads make while clients come.
  func calls() throws -> Set<String> {
    let everything = try Injection(watching: try proxy.vitals.allThreads)
    // So that each worker has had everyone.
    for _ in 0..<5 { try expectService() }
    try everything.end()
    return try everything.names
  }

  /// Waits for a moment in which the thread does next to nothing, though the call still fails.
  private func expectRest(of thread: pid_t, _ injection: Injection) throws {
    try eventually("thread \(thread) to come to rest") {
      let calls = try injection.calls(of: thread)
      let work = try proxy.vitals.processorTime(of: thread)
      usleep(UInt32(Self.moment * 1e6))
      let worked = try proxy.vitals.processorTime(of: thread) - work
      return try injection.calls(of: thread) - calls <= Self.restingCalls && worked < Self.moment / 2
    }
  }

  private static let moment = 0.06
  private static let restingCalls = 40
}

/// Clients of every kind, again and again, until it is enough.
private final class Visits: Sendable {
  private struct State {
    var shallEnd = false
    var outcomes: [(MixedLoad.Kind, MixedLoad.Outcome)] = []
    var failure: (any Error)?
  }

  private let state = Mutex(State())
  private let thread = DispatchGroup()

  init(_ load: MixedLoad) {
    Scratch.current.start(in: thread) { [self] in
      do {
        repeat {
          let outcomes = try load.come()
          state.withLock { $0.outcomes += outcomes.map { ($0.key, $0.value) } }
        } while !state.withLock { $0.shallEnd }
      } catch { state.withLock { $0.failure = error } }
    }
  }

  var haveFailed: Bool { state.withLock { $0.failure != nil } }

  /// Whether one of them was not served as without a fault.
  var haveNoticed: Bool { state.withLock { $0.outcomes.contains { $0.1 != .asWithoutFault } } }

  func endSoon() { state.withLock { $0.shallEnd = true } }

  func outcomes() throws -> [(MixedLoad.Kind, MixedLoad.Outcome)] {
    thread.wait()
    return try state.withLock { state in
      if let failure = state.failure { throw failure }
      return state.outcomes
    }
  }
}
