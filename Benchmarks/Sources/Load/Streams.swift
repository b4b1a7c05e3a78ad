import CBench
import Glibc

/// Streams in one direction, as fast as they go.
///
/// A sender sends from user memory, as a TLS program must. A downloading client throws the bytes away in the kernel
/// (MSG_TRUNC, which only TCP has): a copy that the proxy does not see, saved alike for all, so that the load can keep
/// up with a fast proxy. With `checking` it reads them, and every byte is compared.
public struct Streams {
  public let direction: Direction
  public let sessions: Int
  public let checking: Bool

  public enum Direction: Sendable { case download, upload }

  public init(_ direction: Direction, sessions: Int, checking: Bool = false) {
    self.direction = direction
    self.sessions = sessions
    self.checking = checking
  }

  public struct Result {
    public let bytes: UInt64
    public let usage: Usage
  }

  /// Counts what arrives in `seconds` after a warm-up, then lets all streams end and verifies that all that was sent
  /// has arrived.
  public func run(over route: Route, meter: Meter, warmUp: Double, seconds: Double) throws(Failure) -> Result {
    let open = try Sessions(sessions, over: route)
    let (senders, receivers) =
      direction == .download ? (open.backends, open.clients) : (open.clients, open.backends)
    return try transfer(from: senders, to: receivers, meter: meter, warmUp: warmUp, seconds: seconds)
  }

  private func transfer(from senders: [Int32], to receivers: [Int32], meter: Meter, warmUp: Double, seconds: Double)
    throws(Failure) -> Result
  {
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: Self.most, alignment: 4096)
    defer { buffer.deallocate() }
    let discards = direction == .download && !checking
    let (most, flags) = discards ? (Self.most, bench_MSG_TRUNC) : (Pattern.chunk, 0)
    var sent = [UInt64](repeating: 0, count: senders.count)
    var received = sent
    let poller = try Poller()
    for index in senders.indices {
      try poller.add(senders[index], .writing, token: UInt64(index) << 1)
      try poller.add(receivers[index], .reading, token: UInt64(index) << 1 | 1)
    }

    var total: UInt64 = 0
    var begun: (reading: Reading, total: UInt64)?
    var result: Result?
    var open = receivers.count
    var next = now() + UInt64(warmUp * 1e9)
    var lastProgress = now()
    while open > 0 {
      let count = try poller.wait(milliseconds: 1000)
      let time = now()
      if time >= next, result == nil {
        let reading = try meter.read()
        if let begun {
          result = Result(bytes: total - begun.total, usage: Usage(from: begun.reading, to: reading))
        } else {
          begun = (reading, total)
          next = reading.time + UInt64(seconds * 1e9)
        }
      }
      if count > 0 { lastProgress = time }
      if time - lastProgress > UInt64(patience) * 1_000_000 {
        throw Failure("\(open) streams do not move: \(received.reduce(0, +)) of \(sent.reduce(0, +)) bytes arrived")
      }
      for event in 0..<count {
        let token = poller.token(event)
        let index = Int(token >> 1)
        if token & 1 == 0 {
          if result != nil {
            try poller.remove(senders[index])
            _ = try checked("shutdown", shutdown(senders[index], Int32(SHUT_WR)))
            continue
          }
          let taken = send(senders[index], Pattern.at(sent[index]), Pattern.chunk, bench_MSG_NOSIGNAL)
          if taken > 0 {
            sent[index] &+= UInt64(taken)
          } else if errno != EAGAIN {
            throw .of("send in stream \(index)")
          }
        } else {
          switch try receive(receivers[index], buffer, most, flags) {
          case .bytes(let more):
            if checking, memcmp(buffer, Pattern.at(received[index]), more) != 0 {
              throw Failure("stream \(index): wrong bytes after \(received[index])")
            }
            received[index] &+= UInt64(more)
            total &+= UInt64(more)
          case .end:
            guard result != nil else { throw Failure("stream \(index) ended early, after \(received[index]) bytes") }
            guard sent[index] == received[index] else {
              throw Failure("stream \(index): \(received[index]) bytes of \(sent[index]) arrived")
            }
            try poller.remove(receivers[index])
            open -= 1
          case .nothing: break
          }
        }
      }
    }
    guard let result else { throw Failure("the streams ended before they began") }
    return result
  }

  private static let most = 1 << 20
}
