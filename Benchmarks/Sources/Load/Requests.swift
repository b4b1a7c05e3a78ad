import CBench
import Glibc

/// HTTPS requests over connections that are kept, one at a time on each: with large answers a download, with small ones
/// exchanges.
public struct Requests {
  public let path: String
  public let sessions: Int

  public init(for path: String, sessions: Int) {
    self.path = path
    self.sessions = sessions
  }

  public struct Result {
    public let answers: Int
    public let bytes: UInt64
    /// From each request that is sent and answered while it is measured.
    public let latencies: Samples
    public let usage: Usage
  }

  public func run(over route: TLSRoute, meter: Meter, warmUp: Double, seconds: Double) throws(Failure) -> Result {
    let request = route.request(for: path)
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: TLSConnection.mostAtOnce, alignment: 4096)
    defer { buffer.deallocate() }
    let poller = try Poller()
    var clients: [Client] = []
    for number in 0..<sessions {
      let client = Client(try TLSConnection(number: number, over: route))
      while let interest = try client.connection.shakeHands() {
        let event = interest == .reading ? POLLIN : POLLOUT
        try waitUntilReady(client.connection.socket, event, for: "the handshake of client \(number + 1)")
      }
      clients.append(client)
    }
    for (number, client) in clients.enumerated() {
      try poller.add(client.connection.socket, .reading, token: UInt64(number))
      client.begun = now()
      try client.connection.send(request)
    }

    var latencies = Samples(capacity: Int(seconds * 400_000) + 1)
    var bytes: UInt64 = 0
    var answers = 0
    var beginning: Reading?
    var next = now() + UInt64(warmUp * 1e9)
    while true {
      let count = try poller.wait(milliseconds: patience)
      if count == 0 { throw Failure("no answers any more") }
      let time = now()
      if time >= next {
        let reading = try meter.read()
        if let beginning {
          return Result(
            answers: answers, bytes: bytes, latencies: latencies, usage: Usage(from: beginning, to: reading))
        }
        beginning = reading
        next = reading.time + UInt64(seconds * 1e9)
      }
      for event in 0..<count {
        let client = clients[Int(poller.token(event))]
        switch try client.connection.receive(into: buffer) {
        case .nothing: continue
        case .end: throw Failure("the server closed a connection that it should keep")
        case .bytes(let more):
          if beginning != nil { bytes &+= UInt64(more) }
          guard try client.answers.take(buffer, more) else { continue }
          let time = now()
          if let beginning {
            answers += 1
            if client.begun > beginning.time { latencies.add(time &- client.begun) }
          }
          client.begun = time
          try client.connection.send(request)
        }
      }
    }
  }

  private final class Client {
    let connection: TLSConnection
    var answers = Answers()
    var begun: UInt64 = 0

    init(_ connection: TLSConnection) {
      self.connection = connection
    }
  }
}
