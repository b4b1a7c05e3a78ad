import Foundation
import Synchronization
import Testing

/// Much in little time, which sniproxy moves another way than little.
@Suite(.scratch)
struct BulkTests {
  /// Each receiver stops now and then until its sender can send no more.
  @Test(arguments: Transport.allCases)
  func `both ways at once past receivers that stop and go`(over transport: Transport) throws {
    let hosts = try HostsDirectory()
    let backends = try (0..<Self.exchanges).map { try hosts.addBackend("s\($0).test") }
    let proxy = try Proxy(hosts, options: ["--workers", "2"], listen: [transport.listen])
    let address = proxy.addresses[0]
    try Scratch.inParallel(Self.exchanges) { index in
      do {
        let hello = Hello("s\(index).test").bytes
        let client = try Connection(to: address)
        try client.send(hello)
        let backend = try backends[index].accept()
        guard try backend.receive(hello.count) == hello else { throw Failure("the hello arrived changed") }
        let flows = [Flow(2 * index, from: client, to: backend), Flow(2 * index + 1, from: backend, to: client)]
        try Scratch.inParallel(4) { part in try part < 2 ? flows[part].send() : flows[part - 2].receive() }
      } catch {
        throw Failure("the exchange of seed \(index): \(error)")
      }
    }
  }

  /// At random places; the last one may be the last byte.
  @Test(arguments: [Transport.ip4, .ip6], [1, 2])
  func `urgent bytes in the midst of an upload`(over transport: Transport, seed: Int) throws {
    let (client, backend) = try Passage(transport).connect()
    let stream = SeededBytes(seed: seed)
    var generator = SplitMix64(seed: UInt64(seed))
    let count = 20_000_000
    let urgent = (0..<20).map { _ in Int.random(in: 1..<count, using: &generator) }.sorted() + [count]
    try Scratch.inParallel(2) { end in
      if end == 0 {
        try client.send(stream, upTo: urgent)
        client.finishSending()
      } else {
        try backend.expect(stream, count: count, pieces: 1...SeededBytes.longestPiece, seed: seed)
      }
    }
  }

  /// All come after sniproxy has been told of bytes, and before it has read them.
  @Test(arguments: [Transport.ip4, .ip6])
  func `urgent bytes with the end close behind them`(over transport: Transport) throws {
    let passage = try Passage(transport, options: ["--workers", "1"])
    for seed in 0..<Sanitizer.rounds(60) {
      let (client, backend) = try passage.connect()
      let stream = SeededBytes(seed: seed)
      var generator = SplitMix64(seed: UInt64(seed))
      let count = Int.random(in: 500_000...1_500_000, using: &generator)
      let urgent = count - Int.random(in: 0...300_000, using: &generator)
      try Scratch.inParallel(2) { end in
        if end == 0 {
          try client.send(stream, upTo: [urgent])
          try client.send(Array(stream.bytes(at: urgent, count: count - urgent)))
          client.finishSending()
        } else {
          do {
            try backend.expect(stream, count: count, pieces: 100_000...SeededBytes.longestPiece, seed: seed)
          } catch { throw Failure("of seed \(seed): \(error)") }
        }
      }
      for end in [client, backend] { end.close() }
    }
  }

  private static let exchanges = 24
}

/// One direction of an exchange.
private final class Flow: Sendable {
  private let seed: Int
  private let source: Connection
  private let sink: Connection
  private let count: Int
  private let isSent = Atomic(false)

  init(_ seed: Int, from source: Connection, to sink: Connection) {
    self.seed = seed
    self.source = source
    self.sink = sink
    var generator = SplitMix64(seed: UInt64(seed))
    count = Int.random(in: 0...[1, 100_000, 3_000_000, 6_000_000].randomElement(using: &generator)!, using: &generator)
  }

  func send() throws {
    try source.send(SeededBytes(seed: seed), count: count, pieces: 1...400_000, seed: seed)
    source.finishSending()
    isSent.store(true, ordering: .releasing)
  }

  func receive() throws {
    let stream = SeededBytes(seed: seed)
    var generator = SplitMix64(seed: UInt64(seed))
    let stops = (0..<3).map { _ in Int.random(in: 0...count, using: &generator) }
    var received = 0
    while case .bytes(let bytes) = try sink.awaitSome(Int.random(in: 1...400_000, using: &generator)) {
      guard stream.contains(bytes, at: received) else { throw Failure("wrong bytes from \(received) on") }
      let before = received
      received += bytes.count
      if stops.contains(where: { $0 >= before && $0 < received }) { try stop() }
    }
    guard received == count else { throw Failure("\(received) of \(count) bytes") }
  }

  private func stop() throws {
    try eventually("the sender to be held back, or to have sent all") {
      try isSent.load(ordering: .acquiring) || !source.hasRoom()
    }
  }
}

extension Connection {
  /// Sends the stream up to the last of the places. Each byte before one is urgent.
  fileprivate func send(_ stream: SeededBytes, upTo places: [Int]) throws {
    var sent = 0
    for place in places where place > sent {
      while place - sent > 1 {
        let piece = min(place - sent - 1, 100_000)
        try send(stream.bytes(at: sent, count: piece))
        sent += piece
      }
      try sendUrgent(stream.bytes(at: sent, count: 1)[0])
      sent += 1
    }
  }

  /// Sends it out of band, as TCP has it.
  private func sendUrgent(_ byte: UInt8) throws {
    while unsafe Glibc.send(descriptor, [byte], 1, Int32(MSG_NOSIGNAL) | Int32(MSG_OOB)) != 1 {
      guard errno == EAGAIN else { throw Failure("cannot send: \(lastError)") }
      guard try hasRoom(within: patience) else { throw Failure("waited in vain for room to send") }
    }
  }
}
