import CBench
import Glibc

/// Sessions of which both ends send until nothing goes any more, and nobody reads.
public struct Stuck {
  public let sessions: Int
  public let all: Int

  /// The rest of all sessions is idle.
  public init(sessions: Int, among all: Int) {
    self.sessions = sessions
    self.all = all
  }

  /// What the proxy takes then.
  public func run(over route: Route, meter: Meter, seconds: Double) throws(Failure) -> Usage {
    let open = try Sessions(all, over: route)
    for index in 0..<min(sessions, all) {
      try Self.fill(open.backends[index])
      try Self.fill(open.clients[index])
    }
    try pause(seconds: 1)
    let before = try meter.read()
    try pause(seconds: seconds)
    let usage = Usage(from: before, to: try meter.read())
    withExtendedLifetime(open) {}
    return usage
  }

  /// Full is what takes nothing even after a while.
  private static func fill(_ socket: Int32) throws(Failure) {
    var refused = 0
    while refused < 2 {
      if send(socket, Pattern.at(0), Pattern.chunk, bench_MSG_NOSIGNAL) > 0 {
        refused = 0
      } else {
        guard errno == EAGAIN else { throw .of("send") }
        refused += 1
        try pause(seconds: 0.05)
      }
    }
  }
}
