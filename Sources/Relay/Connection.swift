import Kernel
import Wire

/// A client, its backend, and the bytes between them.
struct Connection: ~Copyable {
  private(set) var client = Socket.none
  private(set) var backend = Socket.none
  private(set) var clientIsInternet = false
  private(set) var upload = Direction()
  private(set) var download = Direction()
  private(set) var state = RelayState()

  mutating func begin(_ client: consuming Socket, isInternet: Bool) {
    self.client = client
    clientIsInternet = isInternet
  }

  /// Relays from now on, with `first` before all that the client's socket holds.
  mutating func join(_ backend: consuming Socket, sending first: [UInt8], _ buffer: borrowing Buffer) {
    self.backend = backend
    upload.begin(with: first)
    relayUpload(buffer)
  }

  mutating func dropBackend() { backend = .none }

  /// Reads and throws away what the client sends; false when nothing more will come.
  func discardFromClient(_ buffer: borrowing Buffer) -> Bool {
    guard case .waiting = upload.discard(from: client, through: buffer) else { return false }
    return true
  }

  // MARK: - What is waited for

  var clientInterest: Poller.Interest {
    Self.interest(reading: state.upload != .ended && !upload.isHolding, writing: download.isHolding)
  }

  var backendInterest: Poller.Interest {
    Self.interest(reading: state.download == .open && !download.isHolding, writing: upload.isHolding)
  }

  /// A side of which nothing is wanted still tells of a hang-up or an error, once: it persists, and must not be told again
  /// and again.
  private static func interest(reading: Bool, writing: Bool) -> Poller.Interest {
    var interest: Poller.Interest = []
    if reading { interest.insert(.readable) }
    if writing { interest.insert(.writable) }
    return interest.isEmpty ? .once : interest
  }

  // MARK: - What has happened

  // A hang-up says that a side is closed for both directions: nothing reaches it any more, and no write need find that
  // out. What it sent before is still there to read.

  mutating func clientIsReady(_ readiness: Poller.Readiness, _ buffer: borrowing Buffer) {
    if readiness.contains(.error) { return state.clientReset() }
    if readiness.contains(.hangUp) { downloadBroke(buffer) }
    if readiness.contains(.writable) { relayDownload(buffer) }
    if readiness.contains(.readable) { relayUpload(buffer) }
  }

  mutating func backendIsReady(_ readiness: Poller.Readiness, _ buffer: borrowing Buffer) {
    if readiness.contains(.error) { backendWasReset() }
    if readiness.contains(.hangUp) { uploadBroke() }
    if readiness.contains(.writable) { relayUpload(buffer) }
    if readiness.contains(.readable) { relayDownload(buffer) }
  }

  private mutating func relayUpload(_ buffer: borrowing Buffer) {
    let outcome: Direction.Outcome
    switch state.upload {
    case .ended: return
    case .open: outcome = upload.relay(from: client, to: backend, through: buffer)
    case .broken: outcome = upload.discard(from: client, through: buffer)
    }
    switch outcome {
    case .waiting: break
    case .sourceEnded:
      state.uploadEnded()
      backend.shutdownWriting()
    case .sourceFailed: state.clientReset()
    case .sinkFailed(.connectionReset): backendWasReset()
    // A broken pipe is told before the reset that it may come from.
    case .sinkFailed: if backend.takeError() == .connectionReset { backendWasReset() } else { uploadBroke() }
    }
  }

  private mutating func relayDownload(_ buffer: borrowing Buffer) {
    guard state.download == .open else { return }
    switch download.relay(from: backend, to: client, through: buffer) {
    case .waiting: break
    case .sourceEnded:
      state.downloadEnded()
      if state.passesEndToClient { client.shutdownWriting() }
    case .sourceFailed:
      backendWasReset()
      state.downloadEnded()
    case .sinkFailed(.brokenPipe): downloadBroke(buffer)
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

  private mutating func downloadBroke(_ buffer: borrowing Buffer) {
    guard state.download == .open else { return }
    state.downloadBroke()
    download.drop()
    backend.shutdownReading()
    // What the backend wrote before is still read: closing with it unread would reset the backend.
    while case .waiting = download.discard(from: backend, through: buffer) {}
  }
}
