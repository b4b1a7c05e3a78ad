/// Which lines the proxy may write in a soak.
enum LogRules {
  /// Those of these lines that should not be there.
  static func strangers(_ lines: [Substring]) -> [Substring] {
    let rules = expected.map { try! Regex("(sniproxy: )?" + $0) }
    return lines.filter { line in !rules.contains { line.wholeMatch(of: $0) != nil } }
  }

  private static let client = #"(unix|127\.[0-9.]+:[0-9]+): "#

  private static let expected = [
    #"listening on (127\.0\.0\.1:[0-9]+|unix:.*)"#,
    #"stopping: got SIGTERM"#,
    #"stopped: 0 connections cut"#,
    #"log: [0-9]+ lines? about (clients|sniproxy itself) left out: too many at once"#,
    #"accept: paused: [0-9]+ connections are open, see --max-connections"#,
    client + #"refused with alert 10: a record of type 42 instead of a TLS handshake"#,
    client + #"refused with alert 50: legacy_session_id .*"#,
    client + #"refused with alert 109: no server name"#,
    client + #"nobody\.soak\.test: refused with alert 112: no such entry in the hosts directory"#,
    client + #"flicker\.soak\.test: refused with alert 112: no such entry in the hosts directory"#,
    client + #"mortal\.soak\.test: refused with alert 80: nobody listens on tls-socket"#,
    client + #"full\.soak\.test: refused with alert 80: the backend did not accept in time: its backlog is full"#,
    client + #"closed: no complete ClientHello in time"#,
    client + #"closed: the oldest of too many unfinished ClientHellos"#,
    client + #"(.*: )?closed: the client hung up first"#,
  ]
}
