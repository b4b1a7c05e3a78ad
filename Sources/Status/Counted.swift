/// How far an open connection is.
package enum Stage: Int, CaseIterable, Sendable {
  /// Its ClientHello is not complete.
  case waitingForHello
  /// The backend's backlog is full.
  case waitingForBackend
  case relaying
  /// Handed over; the receiver has not taken it yet.
  case handingOver
  /// All is said, and the client takes the last of it.
  case closing
}

/// How a relayed connection ended.
package enum RelayEnd: Int, CaseIterable, Sendable {
  case finished
  case resetByClient
  case resetByBackend
  /// This machine had run out of something.
  case shortage
  /// The program ended.
  case stop
}

/// What time a connection takes before it is relayed.
package enum Step: Int, CaseIterable, Sendable {
  /// From accept to the complete ClientHello.
  case hello
  /// From there to the backend's socket, or to the refusal.
  case lookUp
  /// From there to the connection with the backend, with the wait for a full backlog.
  case connect
}

/// What a worker does about new clients.
package enum Accepting: Int, CaseIterable, Sendable {
  case yes
  /// Waits for room under the connection limit.
  case atLimit
  /// Waits a moment after an error.
  case afterError
}

/// Why new clients wait, or never became a connection.
package enum AcceptTrouble: Int, CaseIterable, Sendable {
  /// Accepting paused at the connection limit.
  case limit
  /// Accepting paused for a moment after an error.
  case error
  /// The client was gone before it was accepted.
  case gone
}

/// Lines of the log.
package enum LogLine: Int, CaseIterable, Sendable {
  case written
  /// The log could not take it in time.
  case lost
  /// About a client, when there were too many of those.
  case leftOut
  /// Of the access log, which could not be written in time.
  case accessLost
}

/// The life of the program.
package enum ProgramState: UInt64, CaseIterable, Sendable {
  case starting
  case running
  /// No new clients; those that are there are served to their end.
  case draining
  case ended
}

/// What holds for the whole run. Times are in nanoseconds; nil is for no limit.
package struct Limits: Equatable, Sendable {
  package var maxConnections = 0
  package var helloTimeout: Int64 = 0
  package var connectTimeout: Int64 = 0
  package var drainTimeout: Int64 = 0
  package var maxPerClient: Int?
  package var maxPerHost: Int?

  package init() {}
}
