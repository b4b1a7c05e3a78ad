import Kernel
import Status

/// How a session ends: so that the client gets every byte, and learns how its stream ended.
extension Session {
  /// Closing a TCP socket that holds unread data sends a reset, which can overtake an alert.
  mutating func beginLingering(_ engine: inout Engine) -> Fate {
    connection.dropBackend()
    connection.client.shutdownWriting()
    enter(.lingering, engine)
    engine.deadlines.set(.linger, for: slot, now: engine.now)
    return connection.mustAskClient ? linger(&engine) : waitForClient(&engine)
  }

  mutating func linger(_ engine: inout Engine) -> Fate {
    guard connection.discardFromClient(through: engine.ferry.buffer) else { return over(.finished, &engine) }
    return waitForClient(&engine)
  }

  private mutating func waitForClient(_ engine: inout Engine) -> Fate {
    guard clientWatch == .none || connection.mustAskClient else { return .lives }
    do throws(Errno) {
      try watchClient(.arrivals, &engine)
      return .lives
    } catch {
      return over(nil, &engine)
    }
  }

  /// A client that is slow to take a backend's last bytes gets the time it needs, as it would while relaying.
  mutating func lingeredLongEnough(_ engine: inout Engine) -> Fate {
    guard owesAnswer else { return over(.finished, &engine) }
    engine.deadlines.set(.linger, for: slot, now: engine.now)
    return .lives
  }

  /// Whether the client has not got all of what a backend said.
  var owesAnswer: Bool { connection.download.delivered > 0 && connection.client.unacknowledged > 0 }

  mutating func resetWhenDelivered(looks: Int, _ engine: inout Engine) -> Fate {
    // A Unix socket has no reset to send.
    guard connection.clientKind != .unix else { return over(nil, &engine) }
    if looks == 0 { connection.client.push() }
    guard connection.client.unacknowledged > 0 else {
      connection.client.resetOnClose()
      return over(nil, &engine)
    }
    enter(.resetting(looks: looks), engine)
    connection.dropBackend()
    let pause: Deadlines.Kind =
      looks < Self.soonRetries ? .retrySoon : looks < 2 * Self.soonRetries ? .retryLater : .linger
    engine.deadlines.set(pause, for: slot, now: engine.now)
    return .lives
  }

  /// The client is reset, so that a cut answer does not look like a finished one.
  mutating func fail(_ error: Errno, _ engine: inout Engine) -> Fate {
    engine.report(.sessionFailed(error))
    engine.tally.relayEnded(.shortage)
    connection.client.resetOnClose()
    return over(.shortage, &engine)
  }

  mutating func over(_ end: Account.End?, _ engine: inout Engine) -> Fate {
    engine.deadlines.cancel(slot)
    if let account {
      if let end { account.ended(end) }
      engine.report(.finished(account.close(connection)))
    }
    enter(.free, engine)
    clientPlace = nil
    hostPlaces = HostsDirectory.Places()
    connection = Connection()
    return .over
  }
}
