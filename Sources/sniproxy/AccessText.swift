import Relay
import Wire

extension Account {
  /// `key=value` pairs, always the same ones in the same order; `-` where there is nothing. Times are in seconds.
  var text: String {
    var pairs: [(key: String, value: String?)] = [
      ("client", "\(client)"),
      ("listener", escaped(listener.utf8)),
      ("name", request.serverName.map { "\($0)" }),
      ("protocols", request.protocolsText),
      ("host", request.host.map { String(decoding: $0, as: UTF8.self) }),
      ("up", uploaded.map { "\($0)" }),
      ("down", downloaded.map { "\($0)" }),
      ("hello", helloTime.map(seconds)),
      ("connect", connectTime.map(seconds)),
      ("total", seconds(totalTime)),
      ("end", end.key),
      ("alert", end.refusal?.alert.map { "\($0.rawValue)" }),
      ("reason", end.reason?.key),
    ]
    if isFingerprinted { pairs.append(("ja4", request.fingerprint)) }
    return "access: " + pairs.map { "\($0.key)=\($0.value ?? "-")" }.joined(separator: " ")
  }

  private func seconds(_ nanoseconds: Int64) -> String {
    let microseconds = nanoseconds / 1000
    let fraction = String(microseconds % 1_000_000)
    return "\(microseconds / 1_000_000)." + String(repeating: "0", count: 6 - fraction.count) + fraction
  }
}

extension Account.End {
  var key: String {
    switch self {
    case .finished: "finished"
    case .refused(let refusal): refusal.alert == nil ? "closed" : "refused"
    case .resetByClient: "reset-by-client"
    case .resetByBackend: "reset-by-backend"
    case .handedOver: "handed-over"
    case .handoffDropped: "handoff-dropped"
    case .cut, .shortage: "cut"
    }
  }

  var refusal: Refusal? {
    if case .refused(let refusal) = self { refusal } else { nil }
  }

  /// What was the matter; a shortage is told as one wherever it is met.
  var reason: Refusal.Kind? {
    switch self {
    case .refused(let refusal): refusal.kind
    case .shortage: .outOfResources
    case .finished, .resetByClient, .resetByBackend, .handedOver, .handoffDropped, .cut: nil
    }
  }
}

extension Request {
  /// With commas between them, which are escaped within them; nil if there is none.
  fileprivate var protocolsText: String? {
    guard protocolCount > 0 else { return nil }
    let names = protocols.map { escaped($0) }
    let isWhole = names.count == protocolCount
    return (names + (isWhole ? [] : ["\\...(\(protocolCount)_protocols)"])).joined(separator: ",")
  }
}
