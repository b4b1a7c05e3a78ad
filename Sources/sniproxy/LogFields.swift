import Kernel
import Relay
import Wire

extension LogEntry {
  /// The entry for the journal; nil for a line that is all there is to say.
  var fields: Journal.Entry? {
    guard case .event(let event) = content else { return nil }
    var entry = Journal.Entry()
    switch event {
    case .finished(let account): account.add(to: &entry)
    case .refused(let client, let refusal, let request):
      entry.add("MESSAGE_ID", refusedID)
      entry.add(client)
      entry.add(request)
      entry.add(.refused(refusal))
    case .handoffDropped(let client, let request):
      entry.add("MESSAGE_ID", refusedID)
      entry.add(client)
      entry.add(request)
      entry.add(.handoffDropped)
    case .atLimit, .acceptFailed, .sessionFailed, .workerFailed: return nil
    }
    entry.add("MESSAGE", text)
    entry.add("PRIORITY", "\(level.rawValue)")
    entry.add("SYSLOG_FACILITY", "3")
    entry.add("SYSLOG_IDENTIFIER", "sniproxy")
    return entry
  }
}

extension Account {
  fileprivate func add(to entry: inout Journal.Entry) {
    entry.add("MESSAGE_ID", finishedID)
    entry.add(client)
    entry.add("SNIPROXY_LISTENER", listener)
    entry.add(request)
    if let uploaded { entry.add("SNIPROXY_BYTES_UP", "\(uploaded)") }
    if let downloaded { entry.add("SNIPROXY_BYTES_DOWN", "\(downloaded)") }
    if let helloTime { entry.add("SNIPROXY_HELLO_USEC", "\(helloTime / 1000)") }
    if let connectTime { entry.add("SNIPROXY_CONNECT_USEC", "\(connectTime / 1000)") }
    entry.add("SNIPROXY_TOTAL_USEC", "\(totalTime / 1000)")
    entry.add(end)
  }
}

extension Journal.Entry {
  /// The address alone, so that all of a client's entries are found by it.
  fileprivate mutating func add(_ client: Endpoint) {
    guard case .internet(let address, let port) = client else { return add("SNIPROXY_CLIENT", "\(client)") }
    add("SNIPROXY_CLIENT", "\(address.unmapped)")
    add("SNIPROXY_CLIENT_PORT", "\(port)")
  }

  /// As the client sent it.
  fileprivate mutating func add(_ request: Request) {
    if let name = request.serverName { add("SNIPROXY_NAME", name.bytes) }
    for name in request.protocols { add("SNIPROXY_PROTOCOLS", name) }
    if let host = request.host { add("SNIPROXY_HOST", host) }
    if let fingerprint = request.fingerprint { add("SNIPROXY_JA4", fingerprint) }
  }

  fileprivate mutating func add(_ end: Account.End) {
    add("SNIPROXY_END", end.key)
    if let alert = end.refusal?.alert { add("SNIPROXY_ALERT", "\(alert.rawValue)") }
    if let reason = end.reason { add("SNIPROXY_REASON", reason.key) }
  }
}

/// What kind of entry it is (systemd.journal-fields(7), `MESSAGE_ID`).
private let finishedID = "591ed00f2e1d4ba982f20ee542d9d871"
private let refusedID = "ee5e76d9371a4632a0f2c4271485bab5"
