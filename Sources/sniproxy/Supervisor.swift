import Glibc
import Kernel
import Relay
import Status
import Wire

/// The main thread: starts the proxy, answers signals and the service manager, and stops it.
struct Supervisor: ~Copyable {
  private let options: Options
  private let signals: Signals
  private let log: Log
  private let serviceManager: ServiceManager
  private let proxy: Proxy
  private let ledger: Ledger
  /// Signalled when the status file was cut short.
  private let statusLoss: Wakeup
  private var listeners: [ListeningSocket]
  private var poller: Poller
  private let needsLongAddresses: Bool
  private var isDraining = false
  /// What the service manager knows of the open connections, and when it is to hear more.
  private var toldOpen = -1
  private var nextReport = Int64.max

  /// Opens everything that takes privilege or a path, and gives up both for good.
  init(_ options: Options, _ signals: consuming Signals, _ log: Log) throws(Failure) {
    let serviceManager = try attempt("prepare for", "the service manager") { () throws(Errno) in try ServiceManager() }
    let user = try options.user.map { text throws(Failure) in try Self.user(text) }
    // As each worker will do for itself.
    let needsLongAddresses = try attempt("find a way to look up hosts", "which takes unshare(2) with CLONE_FS or /proc")
    {
      () throws(Errno) in
      try SocketPath().needsLongAddresses
    }
    let hosts = try Self.openHosts(options)
    if hosts.isOpenToAll {
      log.write(
        .warning,
        "hosts directory \(visible(options.hosts)): anybody may replace the entries of others: set its sticky bit (chmod +t)"
      )
    }
    let listeners = try Activation(options.listen, serviceManager).listeners
    try attempt("let go of", "standard input and output") { () throws(Errno) in
      for number in [STDIN_FILENO, STDOUT_FILENO] { try Descriptor.replace(number) }
    }
    let workers = options.workers ?? availableProcessors()
    let statusLoss = try attempt("prepare for", "the loss of the status file") { () throws(Errno) in try Wakeup() }
    let ledger = Self.openLedger(options, workers, tellingLossBy: statusLoss.number, log)
    if let user {
      try attempt("become", "user \(options.user ?? "")") { () throws(Errno) in try user.become() }
    }
    Self.closeFiles(listeners, log)
    try attempt("start", "the threads of the log and of notifications") { () throws(Errno) in
      try log.start(ledger.log)
      try serviceManager.start()
    }
    let limit = try Self.connectionLimit(options, reserved: 32 + 5 * workers + listeners.count, log)
    let settings = Settings(
      helloTimeout: options.helloTimeout.nanoseconds, connectTimeout: options.connectTimeout.nanoseconds,
      accessLog: options.accessLog, logFingerprint: options.logFingerprint, maxPerClient: options.maxPerClient,
      heartbeat: serviceManager.watchdogInterval.map { $0 / 4 })
    ledger.tell(Self.limits(options, limit))
    let proxy = try attempt("set up", "the workers") { () throws(Errno) in
      try Proxy(settings: settings, hosts: hosts, workers: workers, limit: limit, ledger: ledger) { log.write($0) }
    }
    poller = try attempt("set up", "the event loop") { () throws(Errno) in
      let poller = try Poller()
      try poller.add(signals.number, .readable, Self.signalsToken)
      try poller.add(proxy.changed.number, .readable, Self.changedToken)
      try poller.add(statusLoss.number, .readable, Self.statusLossToken)
      return poller
    }
    self.needsLongAddresses = needsLongAddresses
    self.options = options
    self.signals = signals
    self.log = log
    self.serviceManager = serviceManager
    self.listeners = listeners
    self.proxy = proxy
    self.ledger = ledger
    self.statusLoss = statusLoss
  }

  /// Serves until a signal, or until there has been nothing to do for long enough.
  consuming func run() throws(Failure) -> Int32 {
    try attempt("start", "the workers") { () throws(Errno) in try proxy.start(listeners) }
    var early: Int32?
    while proxy.state == .starting { early = try waitForSignal(until: .max) ?? early }
    try checkWorkers()
    filterCalls()
    proxy.enter(.running)
    while proxy.state == .ready { early = try waitForSignal(until: .max) ?? early }
    try checkWorkers()
    ledger.enter(.running)
    for listener in listeners { log.write(.notice, "listening on \(visible(listener.name))") }
    serviceManager.notify("READY=1")
    nextReport = 0
    if let early { tell(early) } else { try serve() }
    try drain()
    return ExitStatus.success
  }

  // MARK: - Running

  private mutating func serve() throws(Failure) {
    while true {
      let now = monotonicNow()
      var due = Int64.max
      if let idle = options.idleExit?.nanoseconds {
        let idleEnd = proxy.admission.lastChange + idle
        if proxy.admission.open == 0 {
          guard now < idleEnd else {
            log.write(.notice, "stopping: no connection for \(options.idleExit?.description ?? "") seconds")
            return
          }
          due = min(due, idleEnd)
        } else {
          due = min(due, now + idle)
        }
      }
      if let signal = try waitForSignal(until: due) {
        return tell(signal)
      }
      try checkWorkers()
    }
  }

  private func tell(_ signal: Int32) { log.write(.notice, "stopping: got \(Signals.name(signal))") }

  private func checkWorkers() throws(Failure) {
    guard proxy.state == .failed else { return }
    for listener in listeners { listener.removeFile() }
    throw .workerEnded
  }

  /// The watchdog hears of us only while every worker's loop turns.
  private mutating func reportToServiceManager(_ now: Int64) {
    guard now >= nextReport else { return }
    nextReport = now + Self.reportInterval
    if let interval = serviceManager.watchdogInterval {
      nextReport = min(nextReport, now + interval / 4)
      if now - proxy.oldestTurn < interval { serviceManager.notify("WATCHDOG=1") }
    }
    let open = proxy.admission.open
    if open != toldOpen {
      toldOpen = open
      serviceManager.notify("STATUS=\(isDraining ? "Stopping: " : "")\(Self.connections(open)) open")
    }
  }

  /// Waits for a signal, a change in the proxy, or the time. Gives the signal.
  @discardableResult
  private mutating func waitForSignal(until due: Int64) throws(Failure) -> Int32? {
    var due = due
    if serviceManager.isThere {
      reportToServiceManager(monotonicNow())
      due = min(due, nextReport)
    }
    let left = due == .max ? -1 : Int32(clamping: max(0, (due - monotonicNow() + 999_999) / 1_000_000))
    let count: Int
    do throws(Errno) {
      count = try poller.wait(milliseconds: left)
    } catch {
      throw .system("wait for", "events", error)
    }
    var received: Int32?
    for index in 0..<count {
      switch poller.event(index).token {
      case Self.changedToken: proxy.changed.clear()
      case Self.statusLossToken:
        statusLoss.clear()
        log.write(.warning, Ledger.lossText(options.status ?? ""))
      default: received = signals.next() ?? received
      }
    }
    return received
  }

  // MARK: - Stopping

  private mutating func drain() throws(Failure) {
    serviceManager.notify("STOPPING=1")
    isDraining = true
    ledger.enter(.draining)
    toldOpen = -1
    nextReport = 0
    let deadline = monotonicNow() + options.drainTimeout.nanoseconds
    listeners = []
    proxy.enter(.draining)
    var isHurried = false
    while !isHurried, monotonicNow() < deadline {
      if proxy.state.rawValue >= WorkerControl.State.stopped.rawValue, proxy.admission.open == 0 { break }
      if try waitForSignal(until: deadline) != nil { isHurried = true }
    }
    let open = proxy.admission.open
    proxy.enter(.ending)
    let end = monotonicNow() + Self.endTime
    while proxy.state != .ended, proxy.state != .failed, monotonicNow() < end { try waitForSignal(until: end) }
    ledger.enter(.ended)
    serviceManager.flush(milliseconds: Self.flushTime)
    // A worker that is stuck counts nothing.
    let cut = proxy.state == .ended ? proxy.cuts : open
    log.write(.notice, "stopped: \(Self.connections(cut)) cut")
  }

  private static func connections(_ count: Int) -> String { count == 1 ? "1 connection" : "\(count) connections" }

  // MARK: - Setting up

  private static func openHosts(_ options: Options) throws(Failure) -> HostsDirectory {
    do throws(Errno) {
      return try HostsDirectory(
        path: options.hosts, hashed: options.hashed, anySocketOwner: options.anySocketOwner,
        maxPerHost: options.maxPerHost)
    } catch .noSuchFileOrDirectory, .notDirectory {
      throw .usage(
        "hosts directory \(visible(options.hosts)): there is no such directory. Create it, or name another with --hosts"
      )
    } catch {
      throw .system("open", "hosts directory \(options.hosts)", error)
    }
  }

  /// As whoever starts it, like the listening sockets: in a directory of root's no other could. Without a file where there can
  /// be none.
  private static func openLedger(
    _ options: Options, _ workers: Int, tellingLossBy loss: Int32, _ log: Log
  ) -> Ledger {
    guard let path = options.status else { return Ledger(workers: workers) }
    do throws(Ledger.Failure) {
      let ledger = try Ledger(workers: workers, path: path, tellingLossBy: loss)
      // One that drains has had its turn.
      if let loser = ledger.predecessor, loser.isAlive, loser.state != .draining, loser.state != .ended {
        log.write(.warning, Ledger.replacementText(path, loser))
      }
      return ledger
    } catch {
      log.write(.warning, error.text(path))
      return Ledger(workers: workers)
    }
  }

  private static func limits(_ options: Options, _ maxConnections: Int) -> Limits {
    var limits = Limits()
    limits.maxConnections = maxConnections
    limits.helloTimeout = options.helloTimeout.nanoseconds
    limits.connectTimeout = options.connectTimeout.nanoseconds
    limits.drainTimeout = options.drainTimeout.nanoseconds
    limits.maxPerClient = options.maxPerClient
    limits.maxPerHost = options.maxPerHost
    return limits
  }

  /// No thread may be there yet: each would keep what it has.
  private static func closeFiles(_ listeners: [ListeningSocket], _ log: Log) {
    if !isRoot, Lock.hasCapabilities { log.write(.notice, "lock: the capabilities that it was given are given up") }
    log.write(Lock.closeFiles(removingIn: listeners.compactMap(\.directory)))
    if isRoot {
      log.write(
        .warning,
        "running as root: who takes it over can talk to every service that trusts root: use --user, or start it as another "
          + "user. What is closed to root without capabilities cannot be reached")
    }
  }

  /// All threads must be there.
  private func filterCalls() {
    var duties: Lock.Duties = []
    if log.isSyslog { duties.insert(.syslog) }
    if serviceManager.isThere { duties.insert(.notifications) }
    if listeners.contains(where: { $0.directory != nil }) { duties.insert(.removesFile) }
    if needsLongAddresses { duties.insert(.longAddresses) }
    log.write(Lock.filterCalls(duties))
  }

  private static func user(_ text: String) throws(Failure) -> User {
    guard let user = User(text) else { throw .usage("--user \(text): no such user. Give NAME, UID or UID:GID") }
    return user
  }

  /// Each connection takes two descriptors: the client's and the backend's.
  private static func connectionLimit(_ options: Options, reserved: Int, _ log: Log) throws(Failure) -> Int {
    let descriptors = try attempt("read", "the limit of open descriptors") { () throws(Errno) in
      try raiseDescriptorLimit()
    }
    let possible = max(1, (descriptors - reserved) / 2)
    guard let wanted = options.maxConnections else { return possible }
    if wanted > possible {
      log.write(
        .warning,
        "--max-connections \(wanted): lowered to \(possible): the limit of open descriptors is \(descriptors)")
    }
    return min(wanted, possible)
  }

  private static let signalsToken = Token(slot: 0, generation: 0, side: 0)
  private static let changedToken = Token(slot: 1, generation: 0, side: 0)
  private static let statusLossToken = Token(slot: 2, generation: 0, side: 0)
  private static let reportInterval: Int64 = 5_000_000_000
  private static let flushTime: Int64 = 500
  private static let endTime: Int64 = 1_000_000_000
}

extension Log {
  func write(_ gaps: [Lock.Gap]) {
    for gap in gaps { write(gap.level, gap.text) }
  }

  func write(_ event: Event) {
    switch event {
    case .refused: writeOfClient(LogEntry(level: .info, content: .event(event)))
    case .handoffDropped: writeOfClient(LogEntry(level: .warning, content: .event(event)))
    case .finished: write(LogEntry(level: .info, content: .event(event)))
    case .atLimit, .acceptFailed, .sessionFailed: writeOfProgram(.warning, event.text)
    case .workerFailed: write(.critical, event.text)
    }
  }
}
