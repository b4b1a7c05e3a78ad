import Kernel
import Wire

/// One client, from accept to close.
struct Session: ~Copyable {
  /// Changes with every use of the slot.
  let generation: UInt32
  private let slot: Int

  private enum Stage {
    case free
    /// The ClientHello is not complete.
    case greeting(Greeting)
    /// The backend's backlog is full.
    case connecting(Greeting)
    case relaying
    /// All is said; what the client still sends is read, so that no reset overtakes the last bytes.
    case lingering
    /// The client is reset once it has every byte.
    case resetting(looks: Int)
  }

  private var stage = Stage.free
  private var client = Socket.none
  private var backend = Socket.none
  private var clientInterest: Poller.Interest?
  private var backendInterest: Poller.Interest?
  private var clientIsInternet = false
  private var upload = Direction()
  private var download = Direction()
  private var state = RelayState()
  /// Only with the access log.
  private var account: AccountKeeper?

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
    client = accepted.takeSocket()
    clientIsInternet = listener.isInternet
    if engine.settings.accessLog {
      account = AccountKeeper(Account(client: endpoint, listener: listener.name), accepted: engine.now)
    }
    let greeting = Greeting(client: endpoint, accepted: engine.now)
    stage = .greeting(greeting)
    engine.deadlines.set(.hello, for: slot, now: engine.now)
    return greet(greeting, &engine)
  }

  mutating func handle(_ side: Side, _ readiness: Poller.Readiness, _ engine: inout Engine) -> Fate {
    switch stage {
    case .free: return .lives
    case .greeting(let greeting): return greet(greeting, &engine)
    case .connecting(let greeting):
      // Nothing but a hang-up or an error is waited for.
      return refuse(.hungUp, greeting, &engine)
    case .relaying:
      switch side {
      case .client: clientIsReady(readiness, &engine)
      case .backend: backendIsReady(readiness, &engine)
      }
      return goOn(&engine)
    case .lingering: return linger(&engine)
    case .resetting: return readiness.contains(.error) ? over(.resetByClient, &engine) : .lives
    }
  }

  mutating func deadlinePassed(_ engine: inout Engine) -> Fate {
    switch stage {
    case .free, .relaying: return .lives
    case .greeting(let greeting): return refuse(.helloTimedOut, greeting, &engine)
    case .connecting(let greeting): return reachBackend(greeting, &engine)
    case .lingering: return over(nil, &engine)
    case .resetting(let looks): return resetWhenDelivered(looks: looks + 1, &engine)
    }
  }

  /// What the program's end leaves unfinished.
  mutating func cut(_ engine: inout Engine) {
    if case .free = stage { return }
    _ = over(.cut, &engine)
  }

  // MARK: - Before there is a backend

  private mutating func greet(_ greeting: Greeting, _ engine: inout Engine) -> Fate {
    do throws(Errno) {
      switch try greeting.read(from: client, through: engine.buffer) {
      case .incomplete:
        try wantFromClient(.readable, &engine)
        return .lives
      case .complete:
        account?.helloComplete(greeting, engine.now)
        greeting.connectDeadline = engine.now + engine.settings.connectTimeout
        return reachBackend(greeting, &engine)
      case .refused(let refusal):
        account?.helloComplete(greeting, engine.now)
        return refuse(refusal, greeting, &engine)
      }
    } catch {
      return refuse(.hungUp, greeting, &engine)
    }
  }

  private mutating func reachBackend(_ greeting: Greeting, _ engine: inout Engine) -> Fate {
    switch engine.hosts.reach(greeting.name!) {
    case .refused(let refusal):
      return refuse(refusal, greeting, &engine)
    case .backlogFull:
      guard engine.now < greeting.connectDeadline else { return refuse(.backendTimedOut, greeting, &engine) }
      greeting.attempts += 1
      stage = .connecting(greeting)
      engine.deadlines.set(greeting.attempts < Self.soonRetries ? .retrySoon : .retryLater, for: slot, now: engine.now)
      do throws(Errno) {
        try wantFromClient(.once, &engine)
        return .lives
      } catch {
        return refuse(.backendFailed(code: error.code), greeting, &engine)
      }
    case .connected(let socket, let header):
      backend = consume socket
      return beginRelaying(greeting, header, &engine)
    }
  }

  private mutating func beginRelaying(_ greeting: Greeting, _ header: ProxyHeader?, _ engine: inout Engine) -> Fate {
    let prefix = header.map { proxyHeader($0, greeting) } ?? []
    upload.begin(with: prefix + greeting.received)
    account?.connected(engine.now)
    engine.deadlines.cancel(slot)
    stage = .relaying
    relayUpload(&engine)
    return goOn(&engine)
  }

  private func proxyHeader(_ header: ProxyHeader, _ greeting: Greeting) -> [UInt8] {
    header.bytes(
      source: greeting.client, destination: client.localEndpoint, serverName: greeting.hello?.serverName ?? [],
      protocols: greeting.hello?.protocols ?? [])
  }

  /// RFC 8446, section 6.2: "Upon transmission or receipt of a fatal alert message, both parties MUST immediately close
  /// the connection."
  private mutating func refuse(_ refusal: Refusal, _ greeting: Greeting, _ engine: inout Engine) -> Fate {
    engine.report(
      .refused(client: greeting.client, refusal, serverName: greeting.hello?.serverName.map { Array($0) }))
    account?.ended(.refused(refusal))
    guard let alert = refusal.alert else { return over(nil, &engine) }
    _ = try? client.send(alert.record)
    return beginLingering(&engine)
  }

  // MARK: - Relaying

  // A hang-up says that a side is closed for both directions. Once all that it sent is read, nothing reaches it any more,
  // and no write need find that out.

  private mutating func clientIsReady(_ readiness: Poller.Readiness, _ engine: inout Engine) {
    if readiness.contains(.error) { return state.clientReset() }
    if readiness.contains(.writable) { relayDownload(&engine) }
    if readiness.contains(.readable) { relayUpload(&engine) }
    if readiness.contains(.hangUp), state.upload == .ended { downloadBroke() }
  }

  private mutating func backendIsReady(_ readiness: Poller.Readiness, _ engine: inout Engine) {
    if readiness.contains(.error) { backendWasReset() }
    if readiness.contains(.writable) { relayUpload(&engine) }
    if readiness.contains(.readable) { relayDownload(&engine) }
    if readiness.contains(.hangUp), state.download == .ended { uploadBroke() }
  }

  private mutating func relayUpload(_ engine: inout Engine) {
    let outcome: Direction.Outcome
    switch state.upload {
    case .ended: return
    case .open: outcome = upload.relay(from: client, to: backend, through: engine.buffer)
    case .broken: outcome = upload.discard(from: client, through: engine.buffer)
    }
    switch outcome {
    case .waiting: break
    case .sourceEnded:
      state.uploadEnded()
      backend.shutdownWriting()
    case .sourceFailed: state.clientReset()
    case .sinkFailed(.connectionReset): backendWasReset()
    case .sinkFailed: uploadBroke()
    }
  }

  private mutating func relayDownload(_ engine: inout Engine) {
    guard state.download == .open else { return }
    switch download.relay(from: backend, to: client, through: engine.buffer) {
    case .waiting: break
    case .sourceEnded:
      state.downloadEnded()
      if state.passesEndToClient { client.shutdownWriting() }
    case .sourceFailed:
      backendWasReset()
      state.downloadEnded()
    case .sinkFailed(.brokenPipe): downloadBroke()
    case .sinkFailed: state.clientReset()
    }
  }

  private mutating func backendWasReset() {
    state.backendReset()
    uploadBroke()
  }

  private mutating func uploadBroke() {
    state.uploadBroke()
    upload.drop()
    // A Unix client's own writes fail from now on, as they would at the backend itself. What it wrote before is still read:
    // closing with it unread would reset the client.
    if !clientIsInternet, state.upload == .broken { client.shutdownReading() }
  }

  private mutating func downloadBroke() {
    state.downloadBroke()
    download.drop()
    backend.shutdownReading()
  }

  /// Ends the session, or waits for what it needs next.
  private mutating func goOn(_ engine: inout Engine) -> Fate {
    switch state.ending {
    case .close: return over(state.clientWasReset ? .resetByClient : .finished, &engine)
    case .linger:
      account?.ended(.finished)
      return beginLingering(&engine)
    case .reset:
      account?.ended(.resetByBackend)
      return resetWhenDelivered(looks: 0, &engine)
    case nil: break
    }
    do throws(Errno) {
      try wantFromClient(
        Self.interest(reading: state.upload != .ended && !upload.isHolding, writing: download.isHolding), &engine)
      try wantFromBackend(
        Self.interest(reading: state.download == .open && !download.isHolding, writing: upload.isHolding), &engine)
      return .lives
    } catch {
      return over(.cut, &engine)
    }
  }

  /// A side of which nothing is wanted still tells of a hang-up or an error, once: it persists, and must not be told again
  /// and again.
  private static func interest(reading: Bool, writing: Bool) -> Poller.Interest {
    var interest: Poller.Interest = []
    if reading { interest.insert(.readable) }
    if writing { interest.insert(.writable) }
    return interest.isEmpty ? .once : interest
  }

  // MARK: - The end

  /// Closing a TCP socket that holds unread data sends a reset, which can overtake an alert.
  private mutating func beginLingering(_ engine: inout Engine) -> Fate {
    backend = .none
    client.shutdownWriting()
    stage = .lingering
    engine.deadlines.set(.linger, for: slot, now: engine.now)
    return linger(&engine)
  }

  private mutating func linger(_ engine: inout Engine) -> Fate {
    guard case .waiting = upload.discard(from: client, through: engine.buffer) else { return over(nil, &engine) }
    do throws(Errno) {
      try wantFromClient(.readable, &engine)
      return .lives
    } catch {
      return over(nil, &engine)
    }
  }

  private mutating func resetWhenDelivered(looks: Int, _ engine: inout Engine) -> Fate {
    // Only TCP has a reset to send.
    guard clientIsInternet else { return over(nil, &engine) }
    guard client.unacknowledged > 0 else {
      client.resetOnClose()
      return over(nil, &engine)
    }
    stage = .resetting(looks: looks)
    backend = .none
    engine.deadlines.set(looks < Self.soonRetries ? .retrySoon : .retryLater, for: slot, now: engine.now)
    do throws(Errno) {
      try wantFromClient(.once, &engine)
      return .lives
    } catch {
      return over(nil, &engine)
    }
  }

  private mutating func over(_ end: Account.End?, _ engine: inout Engine) -> Fate {
    engine.deadlines.cancel(slot)
    if let account {
      if let end { account.ended(end) }
      engine.report(
        .finished(account.close(uploaded: upload.delivered, downloaded: download.delivered, now: engine.now)))
    }
    stage = .free
    client = .none
    backend = .none
    return .over
  }

  // MARK: - Events

  private mutating func wantFromClient(_ interest: Poller.Interest, _ engine: inout Engine) throws(Errno) {
    try engine.want(interest, insteadOf: clientInterest, of: client.number, token(.client))
    clientInterest = interest
  }

  private mutating func wantFromBackend(_ interest: Poller.Interest, _ engine: inout Engine) throws(Errno) {
    try engine.want(interest, insteadOf: backendInterest, of: backend.number, token(.backend))
    backendInterest = interest
  }

  private func token(_ side: Side) -> Token { Token(slot: slot, generation: generation, side: side.rawValue) }

  private static let soonRetries = 10
}
