import BasicContainers
import Kernel
import Status
import Synchronization

/// A thread's event loop with its own sessions.
struct Worker: ~Copyable {
  private var engine: Engine
  private var sessions = UniqueArray<Session>()
  private var freeSlots: [Int] = []
  private let proxy: Proxy
  private let control: WorkerControl
  private var listeners: [ListeningSocket]
  private var accepting = Accepting.no { didSet { engine.tally.accepts(accepting.counted) } }
  /// Who is watched first: where the limit was met, the others have their turn.
  private var firstListener = 0
  /// Unfinished ClientHellos of which the other workers know.
  private var countedHellos = 0
  private var acceptedAtOnce = 1
  private var fullTurns = 0
  /// Clients in a row that were gone before they were accepted.
  private var brokenInARow = 0

  private enum Accepting {
    case no
    case yes
    /// At the connection limit, until there is room.
    case atLimit
    /// After an error of `accept`, until then.
    case paused(until: Int64)

    var counted: Status.Accepting? {
      switch self {
      case .no: nil
      case .yes: .yes
      case .atLimit: .atLimit
      case .paused: .afterError
      }
    }
  }

  init(_ proxy: Proxy, _ control: WorkerControl) throws(Errno) {
    let settings = proxy.settings
    let poller = try Poller()
    try poller.add(control.wakeup.number, .readable, Token(slot: Self.wakeupSlot, generation: 0, side: 0))
    engine = Engine(
      settings: settings, hosts: proxy.hosts, socketPath: try SocketPath(), clients: proxy.clients,
      untaken: proxy.untaken,
      report: proxy.report, tally: control.tally, poller: poller,
      deadlines: Deadlines { kind in
        switch kind {
        case .hello: settings.helloTimeout
        case .retrySoon: 20_000_000
        case .retryLater: 200_000_000
        case .linger: 5_000_000_000
        }
      }, now: monotonicNow())
    self.proxy = proxy
    self.control = control
    listeners = control.listeners.withLock { taken in
      defer { taken = [] }
      return taken
    }
  }

  /// Runs until the program ends.
  mutating func run() throws(Errno) {
    tell(.ready)
    while true {
      let count = try engine.poller.wait(milliseconds: timeout)
      engine.now = monotonicNow()
      engine.tally.turned(at: engine.now)
      for index in 0..<count { serve(engine.poller.event(index)) }
      while let (slot, _) = engine.deadlines.takeDue(now: engine.now) {
        settle(slot, sessions[slot].deadlinePassed(&engine))
      }
      if case .paused(let until) = accepting, until <= engine.now { startAccepting() }
      engine.tally.holds(pipes: engine.ferry.hasPipe ? 1 : 0, missed: engine.ferry.missedPipes)
    }
  }

  private var timeout: Int32 {
    var due = engine.deadlines.next ?? .max
    if case .paused(let until) = accepting { due = min(due, until) }
    if let heartbeat = engine.settings.heartbeat { due = min(due, engine.now + heartbeat) }
    guard due < .max else { return -1 }
    // Rounded up, so that the wait does not end just before the deadline.
    return Int32(clamping: max(0, (due - monotonicNow() + 999_999) / 1_000_000))
  }

  private mutating func serve(_ event: Poller.Event) {
    let slot = event.token.slot
    if slot == Self.wakeupSlot { return wake() }
    if slot >= Self.firstListenerSlot {
      let index = slot - Self.firstListenerSlot
      if case .yes = accepting, listeners.indices.contains(index) { accept(from: index) }
      return
    }
    guard sessions[slot].generation == event.token.generation, let side = Session.Side(rawValue: event.token.side)
    else { return }
    settle(slot, sessions[slot].handle(side, event.readiness, &engine))
  }

  private mutating func wake() {
    control.wakeup.clear()
    switch proxy.phase {
    case .preparing: break
    case .running:
      switch accepting {
      case .no:
        startAccepting()
        tell(.running)
      case .atLimit:
        proxy.admission.resume()
        startAccepting()
      case .yes, .paused: break
      }
      endSurplusHellos()
    case .draining:
      stopAccepting(.no)
      listeners = []
      engine.isDraining = true
      for slot in sessions.indices { settle(slot, sessions[slot].letGo(&engine)) }
      tell(.stopped)
    case .ending:
      stopAccepting(.no)
      listeners = []
      for slot in sessions.indices { sessions[slot].cut(&engine) }
      tell(.ended)
    }
  }

  private func tell(_ state: WorkerControl.State) {
    control.state.store(state.rawValue, ordering: .releasing)
    proxy.changed.signal()
  }

  // MARK: - Accepting

  /// Takes one client a turn, and more where turn after turn had enough: so a call that finds none is rare, and the last of
  /// a burst does not wait until the first are closed.
  private mutating func accept(from index: Int) {
    let listener = listeners[index]
    for accepted in 0..<acceptedAtOnce {
      guard proxy.admission.enter(now: engine.now) else {
        firstListener = accepted == 0 ? index : (index + 1) % listeners.count
        return pauseAtLimit()
      }
      do throws(Errno) {
        if let accepted = try listener.accept() {
          engine.tally.accepted()
          let slot = takeSlot()
          settle(slot, sessions[slot].begin(accepted, listener: listener, &engine))
          brokenInARow = 0
          continue
        }
        leave()
        acceptedAtOnce = 1
        fullTurns = 0
        return
      } catch {
        leave()
        brokenInARow += 1
        if error.isOfOneConnection, brokenInARow < Self.mostBrokenInARow {
          engine.tally.had(.gone)
          continue
        }
        brokenInARow = 0
        return pauseAccepting(error)
      }
    }
    fullTurns += 1
    if fullTurns >= Self.fullTurnsForMore { acceptedAtOnce = min(acceptedAtOnce * 2, Self.mostAcceptedAtOnce) }
  }

  private mutating func pauseAtLimit() {
    guard proxy.admission.pause() else { return }
    engine.tally.had(.limit)
    engine.report(.atLimit(proxy.admission.limit))
    stopAccepting(.atLimit)
  }

  private mutating func pauseAccepting(_ error: Errno) {
    engine.tally.had(.error)
    engine.report(.acceptFailed(error))
    stopAccepting(.paused(until: engine.now + Self.acceptPause))
  }

  private mutating func startAccepting() {
    accepting = .yes
    for offset in listeners.indices {
      let index = (firstListener + offset) % listeners.count
      do throws(Errno) {
        try engine.poller.add(
          listeners[index].number, .readableByOne,
          Token(slot: Self.firstListenerSlot + index, generation: 0, side: 0))
      } catch {
        return pauseAccepting(error)
      }
    }
  }

  private mutating func stopAccepting(_ state: Accepting) {
    if case .atLimit = accepting { proxy.admission.resume() }
    if case .yes = accepting {
      // One that was never added is as good as removed.
      for listener in listeners { try? engine.poller.remove(listener.number) }
    }
    accepting = state
  }

  // MARK: - Sessions

  private mutating func takeSlot() -> Int {
    if let slot = freeSlots.popLast() { return slot }
    sessions.append(Session(slot: sessions.count, generation: 0))
    return sessions.count - 1
  }

  /// Makes room for another session where one is over.
  private mutating func settle(_ slot: Int, _ fate: Session.Fate) {
    if case .over = fate {
      sessions[slot] = Session(slot: slot, generation: (sessions[slot].generation + 1) & 0x7fff_ffff)
      freeSlots.append(slot)
      leave()
    }
    if engine.deadlines.count(.hello) != countedHellos { countHellos() }
  }

  private mutating func countHellos() {
    let count = engine.deadlines.count(.hello)
    let difference = count - countedHellos
    countedHellos = count
    let oldest = engine.deadlines.first(.hello)?.due ?? .max
    // In this order, so that whoever sees too many also sees who has the oldest.
    if difference > 0 { control.oldestHello = oldest }
    proxy.unfinished.change(by: difference)
    if difference < 0 { control.oldestHello = oldest }
    if difference > 0 { endSurplusHellos() }
  }

  /// Where there are too many unfinished ClientHellos, the oldest of all workers' end, each by its own worker.
  private mutating func endSurplusHellos() {
    while let worker = proxy.unfinished.surplusAt {
      guard worker === control, let (slot, _) = engine.deadlines.first(.hello) else { return worker.wakeup.signal() }
      settle(slot, sessions[slot].giveWay(&engine))
    }
  }

  private func leave() {
    if proxy.admission.leave(now: engine.now) { proxy.wakeWorkers() }
    if proxy.phase != .running, proxy.admission.open == 0 { proxy.changed.signal() }
  }

  private static let firstListenerSlot = 0x8000_0000
  private static let wakeupSlot = 0xffff_ffff
  private static let mostAcceptedAtOnce = 128
  private static let fullTurnsForMore = 4
  /// So many are no accident any more.
  private static let mostBrokenInARow = 8
  private static let acceptPause: Int64 = 100_000_000
}
