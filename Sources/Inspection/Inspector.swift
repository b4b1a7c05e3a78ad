package import Kernel
package import Relay
package import Wire

/// Looks at a hosts directory with the proxy's own code, and explains what that says.
package struct Inspector: ~Copyable {
  package struct Settings: Sendable {
    package var hashed = false
    /// Connects to the backends, as the proxy does.
    package var connects = true
    /// Counts links that lead out of the hosts directory as problems.
    package var chroot = false
    /// The process is the user that sniproxy runs as, as far as that can be known.
    package var isProxysUser = false
    /// Who reads the commands, and runs them.
    package var reader = effectiveUser

    package init() {}
  }

  package let hosts: HostsDirectory
  /// Of the hosts directory, as it was given.
  package let path: [UInt8]
  package let settings: Settings
  let status: FileStatus
  /// Whether others may search it, and each directory above it: the root directory first.
  let areOpenToOthers: [Bool]
  /// Of its path.
  let replacers: Replacers
  var way: SocketPath
  /// How often full backlogs may still be waited for, all together.
  private var patience = Self.mostWaitsInAll
  private let passages = Passages()
  /// The backends that were reached already, by the kind of connection that they took.
  private var reached: [BackendSocket: Set<FileIdentity>] = [:]

  /// - Parameter way: made before the process became another user, who may not be able to.
  package init(_ hosts: HostsDirectory, path: String, _ settings: Settings, by way: SocketPath) throws(Errno) {
    self.hosts = hosts
    self.path = Array(path.utf8)
    self.settings = settings
    self.way = way
    status = try hosts.directory.status
    areOpenToOthers = Self.areOpenToOthers(hosts.directory)
    replacers = .along(self.path)
  }

  /// False for what cannot be found out.
  private static func areOpenToOthers(_ directory: borrowing Directory) -> [Bool] {
    guard let root = try? FileStatus.root, var status = try? directory.status else { return [false] }
    var trail = Trail(from: directory)
    var areOpen = [status.isGrantedToOthers(.search)]
    while status.identity != root.identity {
      do throws(Errno) { try trail.follow(Array("..".utf8)) } catch { return [false] + areOpen }
      guard let above = trail.status, above.identity != status.identity else { return [false] + areOpen }
      status = above
      areOpen.insert(status.isGrantedToOthers(.search), at: 0)
    }
    return areOpen
  }

  /// What is in it and belongs into a host directory.
  var hostsSocket: StaticString? {
    [BackendSocket.relay, .handoff].map(\.name).first { name in
      guard (try? hosts.directory.contains(name)) == true else { return false }
      var trail = Trail(from: hosts.directory)
      do throws(Errno) { try trail.follow(Array("\(name)".utf8), toDirectory: true) } catch { return true }
      return trail.status?.kind != .directory
    }
  }

  // MARK: - Entries

  /// The names of all entries, in order.
  package func entries() throws(Errno) -> (names: [[UInt8]], areAll: Bool) {
    var (names, areAll) = try hosts.directory.names(atMost: Self.mostEntries)
    names.sort { $0.lexicographicallyPrecedes($1) }
    return (names, areAll)
  }

  /// Looks at an entry.
  ///
  /// - Parameter host: the hostname, where it is known though it cannot be read from the entry.
  package mutating func inspect(_ entry: [UInt8], of host: HostName? = nil) -> EntryReport {
    let reading = EntryReading(entry, hashed: settings.hashed)
    var report = EntryReport(entry, host ?? reading.host, .unreachable)
    if reading.isReachable {
      look(at: entry, &report)
    } else if entry.first != UInt8(ascii: "."), let status = try? hosts.directory.status(of: entry),
      status.kind == .socket || status.kind == .other
    {
      report.add(Finding(.note, .ignored, "it is \(status.noun), and no host directory"))
      return report
    }
    report.findings = explained(reading, entry) + report.findings
    return report
  }

  /// The entries that were not looked at and that one of these certificates is for; none where they cannot be listed.
  package mutating func others(than reports: [EntryReport], coveredBy certificates: [Certificate]) -> [EntryReport] {
    guard !certificates.isEmpty, let names = try? entries().names else { return [] }
    let seen = Set(reports.map(\.entry))
    return names.filter { name in
      guard !seen.contains(name), let host = EntryReading(name, hashed: settings.hashed).host else { return false }
      return certificates.contains { $0.covers(host) }
    }.map { inspect($0) }
  }

  /// What the reading of a name finds, with the commands that rename the entry.
  private func explained(_ reading: EntryReading, _ entry: [UInt8]) -> [Finding] {
    guard let flaw = reading.flaw else { return [] }
    if flaw.severity == .problem, isPassed(entry) == true {
      return [
        Finding(
          .note, .ignored,
          "it is no name that a client can ask for, and need not be one: links of other entries lead through it")
      ]
    }
    guard let name = reading.rename else { return [Finding(flaw.severity, flaw.code, flaw.text)] }
    // What is there already is not for a command to decide on.
    guard (try? hosts.directory.status(of: name)) == nil else {
      return [Finding(flaw.severity, flaw.code, "\(flaw.text); \(shellWord(name)) is there already")]
    }
    return [Finding(flaw.severity, flaw.code, flaw.text, mends: renames(entry, name))]
  }

  /// Whether links lead through the entry; nil where that cannot be known.
  private func isPassed(_ entry: [UInt8]) -> Bool? {
    (try? hosts.directory.status(of: entry)).map { isPassed($0.identity) } ?? false
  }

  func isPassed(_ file: FileIdentity) -> Bool? { passages.contain(file, of: hosts.directory, settings) }

  /// The command that gives an entry another name, unless links may lead through it.
  func renames(_ entry: [UInt8], _ name: [UInt8]) -> [String] {
    guard let file = try? hosts.directory.status(of: entry), isPassed(file.identity) == false else { return [] }
    let move = "mv -nT \(shellPath(shown(entry))) \(shellPath(shown(name)))"
    // It follows no link, and takes the right to write to the hosts directory, which the entry's owner need not have.
    return replacers.adding(nil, in: status).offers(
      [file.kind == .directory ? move + Self.movesSocket : move], on: status, to: settings.reader)
  }

  /// The path of an entry, as short as it can be typed.
  func shown(_ entry: [UInt8]) -> [UInt8] { path == Array(".".utf8) ? entry : join(path, entry) }

  private mutating func look(at entry: [UInt8], _ report: inout EntryReport) {
    // What changes between the two looks is looked at again.
    var last: (reached: Prospects, surveyed: Prospects)?
    var isSteady = true
    for attempt in 1...Self.mostLooks {
      let scene = survey(entry, .relay)
      let handoff = scene.hasHandoff ? survey(entry, .handoff) : nil
      let surveyed = Prospects(relayed: scene.verdict, handoff: handoff?.verdict)
      var prospects = surveyed
      if settings.connects {
        prospects = reach(entry, scene, handoff)
        if let last, last != (prospects, surveyed) { isSteady = false }
        last = (prospects, surveyed)
        guard agrees(prospects, surveyed) || attempt == Self.mostLooks else { continue }
      }
      describe(prospects, scene, handoff, &report)
      report.findings = findings(of: prospects, scene, handoff, entry)
      if settings.connects, !agrees(prospects, surveyed), !(isSteady && isExplained(report)) {
        report.add(Finding(.warning, .changed, "it changed while it was looked at: look again"))
      } else if case .refused(let refusal) = report.verdict, !report.isReserved, report.severity ?? .note == .note {
        report.add(Finding(.problem, .lookUpFailed, "the look-up failed: \(refusal.reason)"))
      }
      return
    }
  }

  private func describe(_ prospects: Prospects, _ scene: Scene, _ handoff: Scene?, _ report: inout EntryReport) {
    report.verdict = prospects.client
    report.header = scene.header
    report.leavesTree = scene.way.leavesTree || handoff?.way.leavesTree == true
    report.directory = scene.way.host?.status.identity
    report.isUnlisted = scene.files == nil && scene.way.host?.isPermitted == true
    let isHandoff = handoff != nil && (!prospects.fallsBack || prospects.relayed == .refused(.noSocket))
    (report.socket, report.backend) = (isHandoff ? handoff : scene)?.socket ?? (nil, nil)
    guard handoff != nil else { return }
    report.isHandedOver = isHandoff && prospects.client.refusal == nil
    report.relayed = EntryReport.Relayed(verdict: prospects.relayed, socket: scene.socket?.path)
  }

  /// True if the kernel, which follows some ways by itself, does not go where the survey does, and what is found explains the
  /// verdict.
  private func isExplained(_ report: EntryReport) -> Bool {
    if case .refused = report.verdict { report.severity == .problem } else { false }
  }

  /// What the proxy would find, connections included.
  private mutating func reach(_ entry: [UInt8], _ scene: Scene, _ handoff: Scene?) -> Prospects {
    let relayed = isReached(scene) ? .served : reach(entry, handingOver: false).verdict
    keep(scene, relayed)
    guard let handoff else { return Prospects(relayed: relayed, handoff: nil) }
    guard !isReached(handoff) else { return Prospects(relayed: relayed, handoff: .served) }
    let (client, socket) = reach(entry, handingOver: true)
    let prospects = Prospects(relayed: relayed, client: client, at: socket, surveyed: handoff.verdict)
    keep(handoff, prospects.handoff)
    return prospects
  }

  /// True if nothing but the connection is left to know, and that is known: a backend of many names gets one, so that its
  /// backlog is not filled by who looks at it.
  private func isReached(_ scene: Scene) -> Bool {
    scene.verdict == .served && scene.socket.map { reached[scene.target, default: []].contains($0.identity) } == true
  }

  private mutating func keep(_ scene: Scene, _ verdict: Verdict?) {
    if verdict == .served, let socket = scene.socket { reached[scene.target, default: []].insert(socket.identity) }
  }

  private mutating func reach(_ entry: [UInt8], handingOver: Bool) -> (verdict: Verdict, socket: BackendSocket?) {
    var waits = 0
    while true {
      switch hosts.outlook(ofEntry: entry, handingOver: handingOver, by: &way) {
      case .served(_, let call): return (.served, call.socket)
      case .refused(let refusal): return (.refused(refusal), nil)
      case .backlogFull(let socket):
        guard waits < Self.mostWaits, patience > 0, var poller = try? Poller(eventsAtOnce: 1) else {
          return (.waits, socket)
        }
        waits += 1
        patience -= 1
        _ = try? poller.wait(milliseconds: Self.waitTime)
      }
    }
  }

  /// What came of an attempt to connect to a backend.
  package enum Connecting: ~Copyable {
    case connected(Socket)
    /// Later it may work.
    case backlogFull
    case failed
  }

  /// A connection to the backend of an entry, on which it awaits the first byte of this name's client: a PROXY header was
  /// sent if the entry asks for one.
  ///
  /// - Parameter handingOver: whether the client could be handed over.
  package mutating func connection(to entry: [UInt8], for name: String, handingOver: Bool) -> Connecting {
    switch hosts.outlook(ofEntry: entry, handingOver: handingOver, by: &way) {
    case .served(let socket, let call):
      guard case .relay(let header) = call else { return Self.handOver(to: socket, name) }
      guard let header else { return .connected(socket) }
      // As for a client of this machine, who offers more than one protocol.
      let bytes = header.bytes(
        source: Self.loopback(port: 1024), destination: Self.loopback(port: 443), serverName: Array(name.utf8)[...],
        protocols: [])
      guard (try? socket.send(bytes)) == .moved(bytes.count) else { return .failed }
      return .connected(socket)
    case .refused: return .failed
    case .backlogFull: return .backlogFull
    }
  }

  private static func loopback(port: UInt16) -> Endpoint { .internet(.v4([127, 0, 0, 1]), port: port) }

  /// A connection with the receiver, which gets the other end of it as a client's.
  private static func handOver(to receiver: consuming Socket, _ name: String) -> Connecting {
    do throws(Errno) {
      let connection = try LoopbackConnection()
      let message = ProxyHeader.version2.bytes(
        source: connection.client, destination: connection.server, serverName: Array(name.utf8)[...], protocols: [])
      try receiver.pass(connection.accepted, with: message)
      return .connected(connection.takeConnected())
    } catch {
      return .failed
    }
  }

  private func agrees(_ reached: Prospects, _ surveyed: Prospects) -> Bool {
    guard agrees(reached.relayed, surveyed.relayed) else { return false }
    guard let handoff = reached.handoff, let expected = surveyed.handoff else {
      return reached.handoff == surveyed.handoff
    }
    return agrees(handoff, expected)
  }

  /// False if what was reached is not what the survey should lead to.
  private func agrees(_ reached: Verdict, _ surveyed: Verdict) -> Bool {
    if reached == surveyed { return true }
    switch (reached, surveyed) {
    // The survey does not connect.
    case (.served, .unknown), (.waits, .unknown), (.refused(.socketOfAnother), .unknown): return true
    case (.waits, .served), (.refused(.backendRefused), .served), (.refused(.backendFailed), .served): return true
    case (.waits, .refused(.socketOfAnother(Delegation.nobody))): return true
    default: return false
    }
  }

  static let mostEntries = 1_000_000
  private static let mostLooks = 4
  /// In milliseconds.
  private static let waitTime: Int32 = 100
  private static let mostWaits = 10
  private static let mostWaitsInAll = 100
}
