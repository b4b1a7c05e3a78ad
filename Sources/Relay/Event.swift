package import Kernel
package import Wire

/// What a worker has to tell. Names are as clients sent them: whoever writes them down must escape them.
package enum Event: Sendable {
  case refused(client: Endpoint, Refusal, Request)
  /// A receiver closed a client that was handed over to it, and did not take it.
  case handoffDropped(client: Endpoint, Request)
  case finished(Account)
  /// Accepting pauses, and why: the connection limit, or an error of `accept`.
  case atLimit(Int)
  case acceptFailed(Errno)
  /// A connection that was relayed is cut, since this machine has run out of something.
  case sessionFailed(Errno)
  case workerFailed(Errno)
}

/// One finished connection.
package struct Account: Sendable {
  package let client: Endpoint
  package let listener: String
  package var request = Request()
  /// Whether fingerprints are asked for.
  package let isFingerprinted: Bool
  /// nil of a client that was handed over: nobody here knows.
  package var uploaded: UInt64?
  package var downloaded: UInt64?
  /// Nanoseconds from accept to the complete ClientHello, to the backend, and to the end.
  package var helloTime: Int64?
  package var connectTime: Int64?
  package var totalTime: Int64 = 0
  package var end: End = .cut

  package enum End: Sendable {
    case finished
    case refused(Refusal)
    case resetByClient
    case resetByBackend
    /// The backend has the client's connection; or had it queued, and closed it.
    case handedOver
    case handoffDropped
    /// By the end of the program.
    case cut
    /// By the proxy, since the machine has run out of something.
    case shortage
  }
}
