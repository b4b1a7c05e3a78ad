import CBench
import Glibc

/// Short HTTPS connections: connect, handshake, one request and its answer, at which the server closes, close.
public final class Visits {
  private let route: TLSRoute
  private let request: [UInt8]
  private let total: Int
  private let poller: Poller
  private var visitors: [Visitor?]
  private var started = 0
  private var finished = 0
  private var latencies: Samples
  private let buffer = UnsafeMutableRawPointer.allocate(byteCount: TLSConnection.mostAtOnce, alignment: 4096)

  public init(_ total: Int, atOnce: Int, for path: String, over route: TLSRoute) throws(Failure) {
    self.route = route
    self.total = total
    request = route.request(for: path, isLast: true)
    poller = try Poller()
    visitors = [Visitor?](repeating: nil, count: atOnce)
    latencies = Samples(capacity: total)
  }

  deinit {
    buffer.deallocate()
  }

  public struct Result {
    public let visits: Int
    /// From connect to the end of the answer.
    public let latencies: Samples
    public let usage: Usage
  }

  public func run(meter: Meter) throws(Failure) -> Result {
    let beginning = try meter.read()
    for slot in visitors.indices where started < total { try start(slot) }
    while finished < total {
      let count = try poller.wait(milliseconds: patience)
      if count == 0 { throw Failure("no answers any more: \(finished) of \(total) clients got theirs") }
      for event in 0..<count { try proceed(Int(poller.token(event))) }
    }
    return Result(visits: finished, latencies: latencies, usage: Usage(from: beginning, to: try meter.read()))
  }

  private func start(_ slot: Int) throws(Failure) {
    let visitor = Visitor(try TLSConnection(number: started, over: route))
    visitors[slot] = visitor
    started += 1
    try poller.add(visitor.connection.socket, visitor.interest, token: UInt64(slot))
    try proceed(slot)
  }

  private func proceed(_ slot: Int) throws(Failure) {
    guard let visitor = visitors[slot] else { return }
    if !visitor.hasAsked {
      if let interest = try visitor.connection.shakeHands() {
        if interest != visitor.interest {
          try poller.change(visitor.connection.socket, interest, token: UInt64(slot))
          visitor.interest = interest
        }
        return
      }
      try visitor.connection.send(request)
      visitor.hasAsked = true
    }
    while true {
      switch try visitor.connection.receive(into: buffer) {
      case .nothing: return
      case .bytes(let more):
        if try visitor.answers.take(buffer, more) { latencies.add(now() - visitor.begun) }
      case .end:
        guard visitor.answers.count == 1, visitor.answers.isBetween else { throw Failure("an answer was cut") }
        visitors[slot] = nil
        finished += 1
        if started < total { try start(slot) }
        return
      }
    }
  }

  private final class Visitor {
    let connection: TLSConnection
    let begun = now()
    var interest = Poller.Interest.reading
    var hasAsked = false
    var answers = Answers()

    init(_ connection: TLSConnection) {
      self.connection = connection
    }
  }
}
