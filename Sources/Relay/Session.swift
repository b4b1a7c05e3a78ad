import Kernel
import Status
import Wire

/// One client, from accept to close.
struct Session: ~Copyable {
  /// Changes with every use of the slot.
  let generation: UInt32
  let slot: Int

  enum Stage {
    case free
    /// The ClientHello is not complete.
    case greeting(Greeting)
    /// The backend's backlog is full.
    case connecting(Greeting)
    case relaying
    /// The client was handed over. The receiver has not taken it yet.
    case handingOver(Greeting)
    /// All is said; what the client still sends is read, so that no reset overtakes the last bytes.
    case lingering
    /// The client is reset once it has every byte.
    case resetting(looks: Int)

    var counted: Status.Stage? {
      switch self {
      case .free: nil
      case .greeting: .waitingForHello
      case .connecting: .waitingForBackend
      case .relaying: .relaying
      case .handingOver: .handingOver
      case .lingering, .resetting: .closing
      }
    }
  }

  var stage = Stage.free
  var connection = Connection()
  var clientWatch = Watch.none
  private var backendWatch = Watch.none
  /// Only with the access log.
  var account: AccountKeeper?
  /// Only where there are limits.
  var clientPlace: Quota<ClientNetwork>.Place?
  var hostPlaces = HostsDirectory.Places()

  /// Whether the session lives on.
  enum Fate {
    case lives
    case over
  }

  init(slot: Int, generation: UInt32) {
    self.slot = slot
    self.generation = generation
  }

  enum Side: UInt32 {
    case client = 0
    case backend = 1
  }

  // MARK: - What happens to it

  /// Takes a client over and looks at once what it has sent.
  mutating func begin(_ accepted: consuming ListeningSocket.Accepted, listener: ListeningSocket, _ engine: inout Engine)
    -> Fate
  {
    let endpoint = accepted.endpoint
    connection.begin(accepted.takeSocket(), listener.kind)
    if engine.settings.accessLog {
      account = AccountKeeper(
        Account(client: endpoint, listener: listener.name, isFingerprinted: engine.settings.logFingerprint),
        accepted: engine.now)
    }
    let greeting = Greeting(client: endpoint, listener, now: engine.now)
    enter(.greeting(greeting), engine)
    if let clients = engine.clients, let network = ClientNetwork(endpoint) {
      clientPlace = clients.take(network)
      if clientPlace == nil { return refuse(.clientLimit, greeting, &engine) }
    }
    return greet(greeting, .untilShort, &engine)
  }

  mutating func handle(_ side: Side, _ readiness: Poller.Readiness, _ engine: inout Engine) -> Fate {
    // An event of the backend may come in one batch with the client's that ended the relaying.
    if side == .backend, !isRelaying {
      guard case .handingOver(let greeting) = stage else { return .lives }
      return receiverIsReady(readiness, greeting, &engine)
    }
    switch stage {
    // The client's socket is another's.
    case .free, .handingOver: return .lives
    case .greeting(let greeting): return greet(greeting, Direction.Reading(readiness), &engine)
    case .connecting(let greeting): return readiness.isGone ? refuse(.hungUp, greeting, &engine) : .lives
    case .relaying:
      let (up, down) = (connection.upload.delivered, connection.download.delivered)
      switch side {
      case .client: connection.clientIsReady(readiness, by: &engine.ferry)
      case .backend: connection.backendIsReady(readiness, by: &engine.ferry)
      }
      engine.tally.moved(up: connection.upload.delivered - up, down: connection.download.delivered - down)
      return goOn(&engine)
    case .lingering: return linger(&engine)
    case .resetting: return readiness.hasFailed ? over(.resetByClient, &engine) : .lives
    }
  }

  private var isRelaying: Bool { if case .relaying = stage { true } else { false } }

  mutating func deadlinePassed(_ engine: inout Engine) -> Fate {
    switch stage {
    case .free, .relaying, .handingOver: return .lives
    case .greeting(let greeting): return refuse(.helloTimedOut, greeting, &engine)
    case .connecting(let greeting): return reachBackend(greeting, .untilNothingIsLeft, &engine)
    case .lingering: return lingeredLongEnough(&engine)
    case .resetting(let looks): return resetWhenDelivered(looks: looks + 1, &engine)
    }
  }

  /// Ends an unfinished ClientHello, of which there are too many.
  mutating func giveWay(_ engine: inout Engine) -> Fate {
    guard case .greeting(let greeting) = stage else { return .lives }
    return refuse(.helloLimit, greeting, &engine)
  }

  /// What the program's end leaves unfinished.
  mutating func cut(_ engine: inout Engine) {
    switch stage {
    case .free: return
    case .handingOver:
      _ = over(.handedOver, &engine)
      return
    case .lingering where !owesAnswer:
      _ = over(.finished, &engine)
      return
    case .greeting, .connecting, .relaying, .lingering, .resetting: break
    }
    engine.tally.cutAtStop()
    if isRelaying { engine.tally.relayEnded(.stop) }
    _ = over(.cut, &engine)
  }

  mutating func enter(_ next: Stage, _ engine: borrowing Engine) {
    if let counted = stage.counted { engine.tally.leaves(counted) }
    if let counted = next.counted { engine.tally.enters(counted) }
    stage = next
  }

  // MARK: - Before there is a backend

  private mutating func greet(_ greeting: Greeting, _ reading: Direction.Reading, _ engine: inout Engine) -> Fate {
    do throws(Errno) {
      let progress = try greeting.read(from: connection.client, through: engine.ferry.buffer, reading)
      if let hello = greeting.hello {
        greeting.completed = monotonicNow()
        account?.helloComplete(hello, greeting.message, at: greeting.completed)
        engine.tally.took(.hello, greeting.completed - greeting.accepted)
      }
      switch progress {
      case .incomplete:
        if clientWatch == .none {
          engine.deadlines.set(.hello, for: slot, now: engine.now)
          try watchClient(.arrivals, &engine)
        }
        return .lives
      case .complete:
        greeting.connectDeadline = engine.now + engine.settings.connectTimeout
        return reachBackend(greeting, reading, &engine)
      case .refused(let refusal):
        return refuse(refusal, greeting, &engine)
      }
    } catch {
      return refuse(error.isShortage ? .outOfResources(code: error.code) : .hungUp, greeting, &engine)
    }
  }

  mutating func reachBackend(
    _ greeting: Greeting, _ reading: Direction.Reading, _ engine: inout Engine
  ) -> Fate {
    let reached = engine.hosts.reach(
      greeting.name!, untaken: greeting.canBeHandedOver ? engine.untaken : nil, by: &engine.socketPath)
    switch consume reached {
    case .refused(let refusal):
      lookUpEnded(greeting, at: monotonicNow(), engine)
      // Where there is no other way to the backend, it is the hand-off's failure that matters.
      return refuse(refusal == .noSocket ? greeting.handoffFailure ?? refusal : refusal, greeting, &engine)
    case .backlogFull(let socket, let began):
      lookUpEnded(greeting, at: began, engine)
      return waitForBacklog(of: socket, .backendTimedOut(socket), greeting, reading, &engine)
    case .connected(let socket, .handoff, let places, let began):
      lookUpEnded(greeting, at: began, engine)
      return handOver(greeting, to: socket, places, reading, &engine)
    case .connected(let socket, .relay(let header), let places, let began):
      lookUpEnded(greeting, at: began, engine)
      engine.tally.took(.connect, monotonicNow() - greeting.connectBegan)
      hostPlaces = places
      let prefix: [UInt8]
      do throws(Errno) {
        prefix = try header.map { header throws(Errno) in try proxyHeader(header, greeting) } ?? []
      } catch {
        return refuse(.outOfResources(code: error.code), greeting, &engine)
      }
      account?.connected(to: engine.hosts.entryName(of: greeting.name!), header: prefix.count)
      engine.deadlines.cancel(slot)
      enter(.relaying, engine)
      engine.tally.relayed(header)
      connection.join(socket, sending: prefix + greeting.received, by: &engine.ferry, reading)
      let sent = connection.upload.delivered
      engine.tally.moved(up: sent - min(sent, UInt64(prefix.count)), down: 0)
      return goOn(&engine)
    }
  }

  /// - Parameter refusal: why the client is refused in the end.
  mutating func waitForBacklog(
    of socket: BackendSocket, _ refusal: Refusal, _ greeting: Greeting, _ reading: Direction.Reading,
    _ engine: inout Engine
  ) -> Fate {
    guard engine.now < greeting.connectDeadline else {
      guard case .handoff = socket else { return refuse(refusal, greeting, &engine) }
      return relayInstead(refusal, greeting, reading, &engine)
    }
    greeting.attempts += 1
    account?.found(engine.hosts.entryName(of: greeting.name!))
    enter(.connecting(greeting), engine)
    engine.deadlines.set(greeting.attempts < Self.soonRetries ? .retrySoon : .retryLater, for: slot, now: engine.now)
    do throws(Errno) {
      // What was told together with the last of the ClientHello is told once more: the client may have hung up.
      if greeting.attempts == 1 || clientWatch == .none { try watchClient(.arrivals, &engine) }
      return .lives
    } catch {
      return refuse(.outOfResources(code: error.code), greeting, &engine)
    }
  }

  /// The first time; a refusal ends it too. What comes after is the connection, with all its attempts.
  private func lookUpEnded(_ greeting: Greeting, at time: Int64, _ engine: borrowing Engine) {
    guard greeting.connectBegan == 0 else { return }
    greeting.connectBegan = time
    engine.tally.took(.lookUp, time - greeting.completed)
  }

  func proxyHeader(_ header: ProxyHeader, _ greeting: Greeting) throws(Errno) -> [UInt8] {
    header.bytes(
      source: greeting.client, destination: try connection.client.localEndpoint,
      serverName: greeting.hello?.serverName ?? [],
      protocols: greeting.hello?.protocols ?? [])
  }

  /// RFC 8446, section 6.2: "Upon transmission or receipt of a fatal alert message, both parties MUST immediately close
  /// the connection."
  mutating func refuse(_ refusal: Refusal, _ greeting: Greeting, _ engine: inout Engine) -> Fate {
    let host = refusal == .unknownName ? nil : greeting.name.map { engine.hosts.entryName(of: $0) }
    engine.report(.refused(client: greeting.client, refusal, Request(greeting.hello, host: host)))
    engine.tally.refused(refusal.kind)
    account?.refused(refusal, host: host)
    guard let alert = refusal.alert else { return over(nil, &engine) }
    _ = try? connection.client.send(alert.record)
    return beginLingering(&engine)
  }

  // MARK: - Relaying

  /// Ends the session, or waits for what it needs next.
  private mutating func goOn(_ engine: inout Engine) -> Fate {
    if let error = connection.failure { return fail(error, &engine) }
    switch connection.state.ending {
    case .close:
      let wasReset = connection.state.clientWasReset
      engine.tally.relayEnded(wasReset ? .resetByClient : .finished)
      return over(wasReset ? .resetByClient : .finished, &engine)
    case .linger:
      engine.tally.relayEnded(.finished)
      return beginLingering(&engine)
    case .reset:
      engine.tally.relayEnded(.resetByBackend)
      account?.ended(.resetByBackend)
      return resetWhenDelivered(looks: 0, &engine)
    case nil: break
    }
    do throws(Errno) {
      if clientWatch != connection.clientWatch || connection.mustAskClient {
        try watchClient(connection.clientWatch, &engine)
      }
      if backendWatch != connection.backendWatch || connection.mustAskBackend {
        try engine.watch(connection.backend.number, connection.backendWatch, insteadOf: backendWatch, token(.backend))
        backendWatch = connection.backendWatch
        connection.backendWasAsked()
      }
      return .lives
    } catch {
      return fail(error, &engine)
    }
  }

  // MARK: - Events

  mutating func watchClient(_ watch: Watch, _ engine: inout Engine) throws(Errno) {
    try engine.watch(connection.client.number, watch, insteadOf: clientWatch, token(.client))
    clientWatch = watch
    connection.clientWasAsked()
  }

  func token(_ side: Side) -> Token { Token(slot: slot, generation: generation, side: side.rawValue) }

  static let soonRetries = 10
}
