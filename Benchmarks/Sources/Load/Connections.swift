import CBench
import Glibc

/// Short connections: connect, hello, an answer of 1.5 KB, at which the backend closes, close. A number of them at a
/// time, or, where that is all of them, all at once.
public final class Connections {
  private let route: Route
  private let total: Int
  private let poller: Poller
  private var clients: [Client]
  private let buffer = UnsafeMutableRawPointer.allocate(byteCount: Hellos.longest, alignment: 64)
  private let answer = Pattern.at(0)
  private var started = 0
  private var finished = 0
  private var latencies: Samples
  /// One of these comes with every fourth client.
  private let hostile: HalfHellos?

  public init(_ total: Int, atOnce: Int, over route: Route, beside hostile: HalfHellos? = nil) throws(Failure) {
    self.route = route
    self.total = total
    self.hostile = hostile
    poller = try Poller()
    latencies = Samples(capacity: total)
    clients = (0..<atOnce).map { _ in Client() }
  }

  deinit {
    for client in clients {
      if client.socket >= 0 { close(client.socket) }
      client.hello.deallocate()
    }
    buffer.deallocate()
  }

  public struct Result {
    public let connections: Int
    /// From connect to the end of the answer.
    public let latencies: Samples
    public let usage: Usage
  }

  public func run(meter: Meter) throws(Failure) -> Result {
    let beginning = try meter.read()
    try poller.add(route.backend.listener, .reading, token: Token.listener)
    for slot in clients.indices where started < total { try start(slot) }
    while finished < total {
      let count = try poller.wait(milliseconds: patience)
      if count == 0 {
        throw Failure("\(clients.count { $0.socket >= 0 }) clients of \(total) get no answer, \(finished) got theirs")
      }
      for event in 0..<count {
        let token = poller.token(event)
        if token == Token.listener {
          try acceptAll()
        } else if token >= Token.backend {
          try readHello(Int32(token - Token.backend), known: true)
        } else if clients[Int(token)].connecting {
          try sendHello(Int(token))
        } else {
          try readAnswer(Int(token))
        }
      }
    }
    return Result(connections: finished, latencies: latencies, usage: Usage(from: beginning, to: try meter.read()))
  }

  private func start(_ slot: Int) throws(Failure) {
    if started % 4 == 0 { try hostile?.sendNext() }
    // Ports of finished connections are not free at once: spread over some sources, there are always enough.
    let source = 0x7F00_0002 + UInt32(started & 7)
    clients[slot].begun = now()
    clients[slot].socket = try startConnecting(to: route.port, from: source)
    clients[slot].number = UInt64(started) * UInt64(clients.count) + UInt64(slot)
    clients[slot].length = route.hellos.write(number: clients[slot].number, to: clients[slot].hello)
    clients[slot].answered = 0
    clients[slot].connecting = true
    clients[slot].polled = false
    started += 1
    try sendHello(slot)
  }

  /// Over the loopback interface a connection is there as soon as it is asked for, unless the backlog is full.
  private func sendHello(_ slot: Int) throws(Failure) {
    let socket = clients[slot].socket
    let sent = send(socket, clients[slot].hello, clients[slot].length, bench_MSG_NOSIGNAL)
    if sent == clients[slot].length {
      clients[slot].connecting = false
    } else if sent != -1 || errno != EAGAIN {
      throw sent == -1 ? .of("the client's hello") : Failure("only \(sent) bytes of a hello were taken")
    }
    let interest: Poller.Interest = clients[slot].connecting ? .writing : .reading
    if clients[slot].polled {
      try poller.change(socket, interest, token: UInt64(slot))
    } else {
      try poller.add(socket, interest, token: UInt64(slot))
      clients[slot].polled = true
    }
  }

  private func acceptAll() throws(Failure) {
    while let socket = try route.backend.accept() { try readHello(socket, known: false) }
  }

  /// Answers and closes once the whole hello is there. It is looked at before it is taken, so that nothing is kept of
  /// it.
  private func readHello(_ socket: Int32, known: Bool) throws(Failure) {
    let received: Int
    switch try receive(socket, buffer, Hellos.longest, bench_MSG_PEEK) {
    case .bytes(let count): received = count
    case .nothing: received = 0
    case .end: throw Failure("the proxy closed its connection to the backend before the whole hello was there")
    }
    guard let length = Hellos.length(of: buffer, received: received), received >= length else {
      if !known { try poller.add(socket, .reading, token: Token.backend + UInt64(socket)) }
      return
    }
    let number = Hellos.number(in: buffer)
    let slot = Int(number % UInt64(clients.count))
    guard received == length, clients[slot].number == number, clients[slot].length == length,
      memcmp(buffer, clients[slot].hello, length) == 0
    else { throw Failure("the backend got a hello that was not sent") }
    try receiveWhole(socket, buffer, length, "the hello at the backend")
    try sendWhole(socket, answer, Self.answerSize)
    close(socket)
  }

  private func readAnswer(_ slot: Int) throws(Failure) {
    let socket = clients[slot].socket
    while true {
      switch try receive(socket, buffer, Hellos.longest) {
      case .nothing: return
      case .bytes(let count):
        guard clients[slot].answered + count <= Self.answerSize,
          memcmp(buffer, answer + clients[slot].answered, count) == 0
        else { throw Failure("a client got bytes that were not sent") }
        clients[slot].answered += count
        if clients[slot].answered == Self.answerSize { latencies.add(now() - clients[slot].begun) }
      case .end:
        guard clients[slot].answered == Self.answerSize else {
          throw Failure("a client got \(clients[slot].answered) bytes of an answer of \(Self.answerSize)")
        }
        close(socket)
        clients[slot].socket = -1
        finished += 1
        if started < total { try start(slot) }
        return
      }
    }
  }

  private struct Client {
    var socket: Int32 = -1
    var number: UInt64 = .max
    var begun: UInt64 = 0
    var length = 0
    var answered = 0
    var connecting = false
    var polled = false
    let hello = UnsafeMutableRawPointer.allocate(byteCount: Hellos.longest, alignment: 64)
  }

  private enum Token {
    static let backend: UInt64 = 1 << 32
    static let listener: UInt64 = .max
  }

  private static let answerSize = 1500
}
