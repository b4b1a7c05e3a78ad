import CBench
import Glibc

/// Exchanges of 1 KiB each way, one at a time on each session.
public struct PingPong {
  public let sessions: Int

  public init(sessions: Int) {
    self.sessions = sessions
  }

  public struct Result {
    public let exchanges: Int
    public let latencies: Samples
    public let usage: Usage
  }

  public func run(over route: Route, meter: Meter, warmUp: Double, seconds: Double) throws(Failure) -> Result {
    let open = try Sessions(sessions, over: route)
    let poller = try Poller()
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: Self.size, alignment: 64)
    defer { buffer.deallocate() }
    var states = [State](repeating: State(), count: sessions)
    for index in 0..<sessions {
      try poller.add(open.clients[index], .reading, token: UInt64(index) << 1)
      try poller.add(open.backends[index], .reading, token: UInt64(index) << 1 | 1)
      states[index].begun = now()
      try sendWhole(open.clients[index], Pattern.at(0), Self.size)
    }

    var latencies = Samples(capacity: Int(seconds * 400_000) + 1)
    var beginning: Reading?
    var ending: Reading?
    var next = now() + UInt64(warmUp * 1e9)
    var outstanding = sessions
    while outstanding > 0 {
      let count = try poller.wait(milliseconds: patience)
      if count == 0 { throw Failure("\(outstanding) exchanges do not end") }
      for event in 0..<count {
        let token = poller.token(event)
        let index = Int(token >> 1)
        let atBackend = token & 1 == 1
        let socket = atBackend ? open.backends[index] : open.clients[index]
        let arrived = atBackend ? states[index].atBackend : states[index].atClient
        let offset = states[index].offset &+ UInt64(atBackend ? 0 : 1)
        guard case .bytes(let more) = try receive(socket, buffer, Self.size - arrived) else {
          throw Failure("exchange on session \(index): \(fault(of: socket))")
        }
        if memcmp(buffer, Pattern.at(offset &+ UInt64(arrived)), more) != 0 {
          throw Failure("exchange on session \(index): wrong bytes")
        }
        guard arrived + more == Self.size else {
          if atBackend { states[index].atBackend += more } else { states[index].atClient += more }
          continue
        }
        if atBackend {
          states[index].atBackend = 0
          try sendWhole(socket, Pattern.at(offset &+ 1), Self.size)
          continue
        }
        let time = now()
        if beginning != nil, ending == nil { latencies.add(time &- states[index].begun) }
        states[index].atClient = 0
        states[index].offset &+= 7
        states[index].begun = time
        if time >= next, ending == nil {
          if beginning == nil {
            beginning = try meter.read()
            next = now() + UInt64(seconds * 1e9)
          } else {
            ending = try meter.read()
          }
        }
        if ending == nil {
          try sendWhole(socket, Pattern.at(states[index].offset), Self.size)
        } else {
          outstanding -= 1
        }
      }
    }
    return Result(exchanges: latencies.count, latencies: latencies, usage: Usage(from: beginning!, to: ending!))
  }

  /// The request of an exchange is the pattern from `offset` on, the answer from the next byte on.
  private struct State {
    var begun: UInt64 = 0
    var offset: UInt64 = 0
    var atBackend = 0
    var atClient = 0
  }

  private static let size = 1024
}
