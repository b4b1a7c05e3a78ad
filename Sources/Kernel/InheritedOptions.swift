import CLinux
import Glibc

/// The options that the proxy sets on a listener of the Internet, where no connection pays for them: accepted sockets inherit
/// them (tcp(7)). And what they were before, for a client that is given away.
package struct InheritedOptions: Sendable {
  private struct Option {
    let level: Int32
    let name: Int32
    let value: Int32
    var before: Int32
  }

  private var options: [Option] = []

  /// None.
  init() {}

  /// Sets them. The corresponding C functions are `getsockopt` and `setsockopt`.
  init(on listener: Int32) {
    // A passed socket of another protocol than TCP may not know all of them.
    options = Self.ours.compactMap { level, name, value in
      intOption(listener, level, name).map { Option(level: level, name: name, value: value, before: $0) }
    }
    // A listener that outlives the program was left with them: they were the kernel's before.
    if options.allSatisfy({ $0.before == $0.value }), let new = try? Socket.internet() {
      for index in options.indices {
        let option = options[index]
        options[index].before = intOption(new.number, option.level, option.name) ?? option.before
      }
    }
    set(on: listener)
  }

  private func set(on number: Int32) {
    for option in options { try? setOption(number, option.level, option.name, option.value) }
  }

  /// Gives a client's socket the state in which `accept` would have returned it to another program: it blocks, too.
  package func takeFrom(_ client: borrowing Socket) throws(Errno) {
    try client.setBlocking(true)
    for option in options where option.before != option.value {
      try? setOption(client.number, option.level, option.name, option.before)
    }
  }

  /// Gives it the relay's state again.
  package func giveBack(to client: borrowing Socket) throws(Errno) {
    try client.setBlocking(false)
    set(on: client.number)
  }

  private static let ours: [(level: Int32, name: Int32, value: Int32)] = [
    // Urgent data is part of the stream (tcp(7)), and TLS knows no other.
    (SOL_SOCKET, SO_OOBINLINE, 1),
    (SOL_SOCKET, SO_KEEPALIVE, 1),
    (Int32(IPPROTO_TCP), TCP_KEEPIDLE, 60),
    (Int32(IPPROTO_TCP), TCP_KEEPINTVL, 15),
    (Int32(IPPROTO_TCP), TCP_KEEPCNT, 8),
    (Int32(IPPROTO_TCP), TCP_NODELAY, 1),
  ]
}
