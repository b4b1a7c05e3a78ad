import Kernel
import Status
import Wire

/// A client's connection is given to the backend itself (`SCM_RIGHTS`, unix(7)), with every byte of it still unread.
extension Session {
  /// Gives it to who receives at the other end of `receiver`, with a PROXY header as the message.
  mutating func handOver(
    _ greeting: Greeting, to receiver: consuming Socket, _ places: HostsDirectory.Places, _ reading: Direction.Reading,
    _ engine: inout Engine
  ) -> Fate {
    do throws(Errno) {
      let message = try proxyHeader(.version2, greeting)
      // Closing would not end the watch: the socket lives on elsewhere (epoll(7), questions and answers).
      if clientWatch != .none { try engine.poller.remove(connection.client.number) }
      clientWatch = .none
      try greeting.options.takeFrom(connection.client)
      try receiver.pass(connection.client, with: message)
    } catch {
      return handoffFailed(error, greeting, reading, &engine)
    }
    engine.tally.took(.connect, monotonicNow() - greeting.connectBegan)
    engine.tally.handedOver()
    account?.connected(to: engine.hosts.entryName(of: greeting.name!), header: 0)
    engine.deadlines.cancel(slot)
    connection.handOver(to: receiver)
    hostPlaces = places
    enter(.handingOver(greeting), engine)
    guard !engine.isDraining else { return over(.handedOver, &engine) }
    do throws(Errno) {
      try engine.poller.add(connection.backend.number, .room, token(.backend))
      return .lives
    } catch {
      return over(.handedOver, &engine)
    }
  }

  /// The client goes on as before.
  private mutating func handoffFailed(
    _ error: Errno, _ greeting: Greeting, _ reading: Direction.Reading, _ engine: inout Engine
  ) -> Fate {
    do throws(Errno) {
      try greeting.options.giveBack(to: connection.client)
    } catch {
      return refuse(.outOfResources(code: error.code), greeting, &engine)
    }
    switch error {
    case .wouldBlock: return waitForBacklog(of: .handoff, .backendTimedOut(.handoff), greeting, reading, &engine)
    // As many descriptors as the user may have are on their way (unix(7), ETOOMANYREFS).
    case .tooManyReferences:
      let refusal = Refusal.backendFailed(.handoff, code: error.code)
      return waitForBacklog(of: .handoff, refusal, greeting, reading, &engine)
    case _ where error.isShortage: return refuse(.outOfResources(code: error.code), greeting, &engine)
    case .brokenPipe, .connectionReset, .connectionRefused:
      // It ended, or did not want to wait for the message any more.
      greeting.receiversGone += 1
      return greeting.receiversGone < Self.mostReceiversGone
        ? waitForBacklog(of: .handoff, .backendRefused(.handoff), greeting, reading, &engine)
        : relayInstead(.backendRefused(.handoff), greeting, reading, &engine)
    default: return relayInstead(.backendFailed(.handoff, code: error.code), greeting, reading, &engine)
    }
  }

  mutating func relayInstead(
    _ failure: Refusal, _ greeting: Greeting, _ reading: Direction.Reading, _ engine: inout Engine
  ) -> Fate {
    greeting.handoffFailure = failure
    return reachBackend(greeting, reading, &engine)
  }

  mutating func receiverIsReady(
    _ readiness: Poller.Readiness, _ greeting: Greeting, _ engine: inout Engine
  ) -> Fate {
    // Who only shuts its end down may still take it, or keep it for ever.
    guard readiness.hasFailed || connection.backend.unacknowledged == 0 else { return .lives }
    // Closed with the message in its queue (unix(7) has ECONNRESET for it), which may have come to pass since this was told.
    guard readiness.hasFailed || connection.backend.takeError() != nil else { return over(.handedOver, &engine) }
    engine.tally.droppedByReceiver()
    let host = engine.hosts.entryName(of: greeting.name!)
    engine.report(.handoffDropped(client: greeting.client, Request(greeting.hello, host: host)))
    return over(.handoffDropped, &engine)
  }

  /// Waits for a receiver no more: its client is queued there, whatever becomes of this program.
  mutating func letGo(_ engine: inout Engine) -> Fate {
    guard case .handingOver = stage else { return .lives }
    return over(.handedOver, &engine)
  }

  private static let mostReceiversGone = 3
}
