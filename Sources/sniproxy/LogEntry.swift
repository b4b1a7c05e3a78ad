import Relay

/// What is to be logged: a line, and some of it in fields too.
struct LogEntry: Sendable {
  let level: Log.Level
  let content: Content

  enum Content: Sendable {
    case line(String)
    /// Put into words by the thread that writes.
    case event(Event)
  }

  /// A connection that has finished.
  var isAccess: Bool {
    if case .event(.finished) = content { true } else { false }
  }

  var text: String {
    switch content {
    case .line(let text): text
    case .event(let event): event.text
    }
  }
}
