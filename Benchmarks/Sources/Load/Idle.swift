/// Sessions at rest, and what memory they take of the proxy.
public struct Idle {
  public let sessions: Int

  public init(sessions: Int) {
    self.sessions = sessions
  }

  /// Bytes for each session. The first ones are not counted: with them a program gets what it needs once.
  public func run(over route: Route, meter: Meter) throws(Failure) -> Double {
    let first = try Sessions(50, over: route)
    try pause(seconds: 0.2)
    let before = try meter.memory()
    let open = try Sessions(sessions, over: route)
    try pause(seconds: 0.3)
    let grown = try meter.memory() - before
    withExtendedLifetime((first, open)) {}
    return grown / Double(sessions)
  }
}
