import Relay
import Wire

/// What becomes of the clients of an entry with `tls-handoff`, of those who can be handed over and of those who cannot, and of
/// an entry without.
struct Prospects: Equatable {
  /// Of who can only be relayed, to `tls-socket`.
  let relayed: Verdict
  /// What `tls-handoff` alone is good for; nil without it.
  let handoff: Verdict?

  /// Who could be handed over is relayed like others.
  var fallsBack: Bool { handoff.map(Self.leavesItToRelay) ?? true }

  /// Of a client who can be handed over.
  var client: Verdict {
    guard let handoff, !fallsBack || relayed == .refused(.noSocket) else { return relayed }
    return handoff
  }

  init(relayed: Verdict, handoff: Verdict?) {
    self.relayed = relayed
    self.handoff = handoff
  }

  /// - Parameters:
  ///   - client: what a client who could be handed over met.
  ///   - socket: where, if that is known.
  ///   - surveyed: what was to be expected of `tls-handoff`.
  init(relayed: Verdict, client: Verdict, at socket: BackendSocket?, surveyed: Verdict) {
    self.relayed = relayed
    handoff = Self.handoff(client, socket, surveyed)
  }

  private static func handoff(_ client: Verdict, _ socket: BackendSocket?, _ surveyed: Verdict) -> Verdict {
    let isLeft = leavesItToRelay(surveyed) ? surveyed : .refused(.backendRefused(.handoff))
    switch client {
    case _ where socket == .handoff: return client
    case .served, .waits: return isLeft
    case .refused(.backendRefused(.relay)), .refused(.backendFailed(.relay, _)): return isLeft
    case .refused(.backendRefused), .refused(.backendFailed), .refused(.outOfResources): return client
    // Nothing but the connection itself could be refused, so the refusal is of what came next.
    case _ where leavesItToRelay(surveyed) || surveyed == .served: return isLeft
    default: return client
    }
  }

  private static func leavesItToRelay(_ verdict: Verdict) -> Bool {
    verdict == .refused(.noSocket) || verdict == .refused(.backendRefused(.handoff))
  }
}
