import Kernel
import Wire

/// A client, its backend, and the bytes between them.
struct Connection: ~Copyable {
  private(set) var client = Socket.none
  private(set) var backend = Socket.none
  private(set) var clientKind = StreamKind.tcp
  private(set) var upload = Direction(from: .tcp, to: .unix)
  private(set) var download = Direction(from: .unix, to: .tcp)
  private(set) var state = RelayState()
  /// What the machine has run out of, so that bytes are lost and neither side is to blame.
  private(set) var failure: Errno?

  mutating func begin(_ client: consuming Socket, _ kind: StreamKind) {
    self.client = client
    clientKind = kind
    upload = Direction(from: kind, to: .unix)
    download = Direction(from: .unix, to: kind)
  }

  /// Relays from now on, with `first` before all that the client's socket holds.
  mutating func join(
    _ backend: consuming Socket, sending first: [UInt8], by ferry: inout Ferry, _ reading: Direction.Reading
  ) {
    self.backend = backend
    upload.begin(with: first)
    upload.sourceTold(reading)
    relayUpload(by: &ferry)
  }

  /// The client is another's now, who has yet to take it from `receiver`.
  mutating func handOver(to receiver: consuming Socket) {
    client = .none
    backend = receiver
  }

  mutating func dropBackend() { backend = .none }

  /// Reads and throws away what the client sends; false when nothing more will come.
  mutating func discardFromClient(through buffer: borrowing Buffer) -> Bool {
    guard case .waiting = upload.discard(from: client, through: buffer) else { return false }
    return true
  }

  // MARK: - What is waited for

  var clientWatch: Watch { download.isHolding ? .arrivalsAndRoom : .arrivals }
  var backendWatch: Watch { upload.isHolding ? .arrivalsAndRoom : .arrivals }

  /// True if the client's socket may hold something that can be read now, and will not tell of it by itself.
  var mustAskClient: Bool { state.readsClient && !upload.isHolding && !upload.willBeTold }
  var mustAskBackend: Bool { state.readsBackend && !download.isHolding && !download.willBeTold }

  mutating func clientWasAsked() { upload.sourceWasAsked() }
  mutating func backendWasAsked() { download.sourceWasAsked() }

  // MARK: - What has happened

  // A hang-up says that a side is closed for both directions: nothing reaches it any more, and no write need find that
  // out. What it sent before is still there to read.

  mutating func clientIsReady(_ readiness: Poller.Readiness, by ferry: inout Ferry) {
    if readiness.hasFailed { return state.clientReset() }
    if readiness.hasHungUp { downloadBroke(ferry.buffer) }
    upload.sourceTold(Direction.Reading(readiness))
    if download.isHolding, readiness.isWritable { relayDownload(by: &ferry) }
    if !upload.isHolding, readiness.isReadable { relayUpload(by: &ferry) }
  }

  mutating func backendIsReady(_ readiness: Poller.Readiness, by ferry: inout Ferry) {
    if readiness.hasFailed { backendWasReset() }
    if readiness.hasHungUp { uploadBroke() }
    download.sourceTold(Direction.Reading(readiness))
    if upload.isHolding, readiness.isWritable { relayUpload(by: &ferry) }
    if !download.isHolding, readiness.isReadable { relayDownload(by: &ferry) }
  }

  private mutating func relayUpload(by ferry: inout Ferry) {
    let outcome: Direction.Outcome
    switch state.upload {
    case .ended: return
    case .open: outcome = upload.relay(from: client, to: backend, by: &ferry)
    case .broken: outcome = upload.discard(from: client, through: ferry.buffer)
    }
    switch outcome {
    case .waiting: break
    case .sourceFailed(let error) where error.isShortage, .sinkFailed(let error) where error.isShortage: failure = error
    case .sourceEnded:
      state.uploadEnded()
      if state.ending == nil { backend.shutdownWriting() }
    case .sourceFailed: state.clientReset()
    case .sinkFailed(.connectionReset): backendWasReset()
    // A broken pipe is told before the reset that it may come from.
    case .sinkFailed: if backend.takeError() == .connectionReset { backendWasReset() } else { uploadBroke() }
    }
  }

  private mutating func relayDownload(by ferry: inout Ferry) {
    guard state.readsBackend else { return }
    switch download.relay(from: backend, to: client, by: &ferry) {
    case .waiting: break
    case .sourceFailed(let error) where error.isShortage, .sinkFailed(let error) where error.isShortage: failure = error
    case .sourceEnded:
      state.downloadEnded()
      if state.ending == nil, state.passesEndToClient { client.shutdownWriting() }
    case .sourceFailed:
      backendWasReset()
      state.downloadEnded()
    case .sinkFailed(.brokenPipe): downloadBroke(ferry.buffer)
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
    if clientKind == .unix, state.upload == .broken { client.shutdownReading() }
  }

  private mutating func downloadBroke(_ buffer: borrowing Buffer) {
    guard state.readsBackend else { return }
    state.downloadBroke()
    download.drop()
    backend.shutdownReading()
    // What the backend wrote before is still read: closing with it unread would reset the backend.
    while case .waiting = download.discard(from: backend, through: buffer), !download.willBeTold {}
  }
}

/// What a side's socket tells.
enum Watch {
  case none
  case arrivals
  case arrivalsAndRoom
}

extension Poller.Readiness {
  /// Nothing reaches the side any more.
  var isGone: Bool { hasHungUp || hasFailed }
}
