/// The life of a relayed session: two directions that end each for itself, and how the session ends with them.
///
/// Pure: the relay tells what the kernel reported, and learns what to do next.
package struct RelayState: Equatable, Sendable {
  package enum Flow: Sendable {
    /// Bytes may still come.
    case open
    /// The source sent its end of stream; nothing more comes.
    case ended
    /// The destination takes no more; what the source still sends has nowhere to go.
    case broken
  }

  /// How the whole session ends.
  package enum Ending: Equatable, Sendable {
    /// Both sides are done: close.
    case close
    /// The client may still be sending: closing now would answer it with a reset that can overtake the last bytes.
    case linger
    /// The backend's connection was reset: reset the client's, once it has every byte.
    case reset
  }

  /// From the client to the backend.
  package private(set) var upload = Flow.open
  /// From the backend to the client.
  package private(set) var download = Flow.open
  private var backendWasReset = false
  package private(set) var clientWasReset = false

  /// True while what the client sends is read, if only to be thrown away.
  package var readsClient: Bool { if case .ended = upload { false } else { true } }
  package var readsBackend: Bool { if case .open = download { true } else { false } }

  package init() {}

  package mutating func uploadEnded() { upload = .ended }
  package mutating func uploadBroke() { if upload == .open { upload = .broken } }
  package mutating func downloadEnded() { download = .ended }
  package mutating func downloadBroke() { if download == .open { download = .broken } }

  /// The kernel reported that the backend closed with data unread. What it had written may still be there to read, so the
  /// download goes on; nothing takes the upload any more.
  package mutating func backendReset() {
    backendWasReset = true
    uploadBroke()
  }

  /// False where an end of stream would make a cut answer look like a finished one.
  package var passesEndToClient: Bool { !backendWasReset }

  /// The kernel reported that the client is gone.
  package mutating func clientReset() { clientWasReset = true }

  /// How to end the session now; nil while it goes on.
  package var ending: Ending? {
    if clientWasReset { return .close }
    switch (upload, download) {
    case (.open, _), (_, .open): return nil
    case (_, .ended) where backendWasReset: return .reset
    case (.broken, .ended): return .linger
    case (_, .broken), (.ended, .ended): return .close
    }
  }
}
