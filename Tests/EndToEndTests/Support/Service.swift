import Foundation

/// Serves every connection of a listener in a thread of its own, until the test ends.
final class Service: @unchecked Sendable {
  init(_ listener: Listener, _ body: @escaping @Sendable (Connection) throws -> Void) {
    self.listener = listener
    self.body = body
    scratch.start(in: threads) { self.acceptAll() }
    scratch.atEnd { self.stop() }
  }

  private let listener: Listener
  private let body: @Sendable (Connection) throws -> Void
  private let scratch = Scratch.current
  private let threads = DispatchGroup()
  private let lock = NSLock()
  private var open: [ObjectIdentifier: Connection] = [:]
  private var stopped = false

  private func acceptAll() {
    while !lock.withLock({ stopped }) {
      guard let connection = try? listener.acceptUnattended(within: 0.1) else { continue }
      lock.withLock { open[ObjectIdentifier(connection)] = connection }
      scratch.start(in: threads) {
        try? self.body(connection)
        self.lock.withLock {
          self.open[ObjectIdentifier(connection)] = nil
          connection.close()
        }
      }
    }
  }

  private func stop() {
    lock.withLock {
      stopped = true
      for connection in open.values { connection.hangUp() }
    }
    threads.wait()
  }
}

extension Listener {
  func serve(_ body: @escaping @Sendable (Connection) throws -> Void) { _ = Service(self, body) }

  /// Sends back what it receives, from the first byte after the ClientHello's `count` bytes on.
  func echo(after count: Int = 0) {
    serve { connection in
      _ = try connection.receive(count)
      try connection.echo()
    }
  }

  /// Tells each client its name, right after the first bytes that arrive, and ends the connection.
  func answer(_ name: String) {
    serve { connection in
      _ = try connection.awaitSome()
      try connection.send(name)
      connection.finishSending()
      _ = try connection.receiveAll()
    }
  }
}

extension Connection {
  /// Sends back what comes, to the end.
  func echo() throws {
    while case .bytes(let bytes) = try awaitSome() { try send(bytes) }
    finishSending()
  }
}
