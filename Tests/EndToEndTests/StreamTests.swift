import Foundation
import Testing

/// Every byte arrives, in order, in both directions.
@Suite(.scratch)
struct StreamTests {
  /// Dozens of connections at once. A seed says for each what its ends send, in which pieces, how fast each end reads, and
  /// so which of them ends its direction first.
  @Test(arguments: Transport.allCases)
  func `dozens of connections carry both directions at once`(over transport: Transport) throws {
    let hosts = try HostsDirectory()
    let backends = try (0..<Self.exchanges).map { try hosts.addBackend("s\($0).test") }
    let proxy = try Proxy(hosts, listen: [transport.listen])
    let address = proxy.addresses[0]
    try Scratch.inParallel(Self.exchanges) { index in
      do {
        try Exchange(seed: index).run(from: try Connection(to: address), to: backends[index], "s\(index).test")
      } catch {
        throw Failure("the exchange of seed \(index): \(error)")
      }
    }
  }

  /// TCP has it out of band; TLS knows no other bytes than those of its stream.
  @Test func urgentBytesToo() throws {
    let (client, backend) = try Passage().connect()
    for piece in ["abc", "def", "ghi"] {
      let flags = Int32(MSG_NOSIGNAL) | (piece == "def" ? Int32(MSG_OOB) : 0)
      #expect(unsafe send(client.descriptor, piece, 3, flags) == 3)
    }
    client.finishSending()
    #expect(try backend.receiveAll().bytes == Array("abcdefghi".utf8))
  }

  @Test(arguments: Transport.allCases, [true, false])
  func `a large stream arrives`(over transport: Transport, up: Bool) throws {
    let (client, backend) = try Passage(transport).connect()
    let (source, sink) = up ? (client, backend) : (backend, client)
    let stream = SeededBytes(seed: 3)
    try Scratch.inParallel(2) { end in
      if end == 0 {
        try source.send(stream, count: Self.largeCount, pieces: 1...SeededBytes.longestPiece, seed: 4)
        source.finishSending()
      } else {
        try sink.expect(stream, count: Self.largeCount, pieces: 1...SeededBytes.longestPiece, seed: 5)
      }
    }
    try sink.send("answer")
    #expect(try source.receive(6) == Array("answer".utf8))
  }

  /// What follows the ClientHello in its segment, and in its record.
  @Test(arguments: Transport.allCases)
  func `what follows the hello in its segment or record arrives`(over transport: Transport) throws {
    let passage = try Passage(transport)
    let more = SeededBytes(seed: 6).bytes(at: 0, count: 100_000)
    let client = try passage.proxy.connect()
    try client.send(Passage.hello.bytes + more)
    let backend = try passage.backend.accept()
    #expect(try backend.receive(Passage.hello.bytes.count + more.count) == Passage.hello.bytes + more)

    let shared = Hello.records(Passage.hello.message + more.prefix(1000), size: 1 << 14)
    try passage.proxy.connect().send(shared)
    #expect(try passage.backend.accept().receive(shared.count) == shared)
  }

  @Test(arguments: Transport.allCases)
  func `the backend goes on after the client has finished`(over transport: Transport) throws {
    let (client, backend) = try Passage(transport).connect()
    try Self.expectHalfClose(from: client, to: backend)
  }

  @Test(arguments: Transport.allCases)
  func `the client goes on after the backend has finished`(over transport: Transport) throws {
    let (client, backend) = try Passage(transport).connect()
    try Self.expectHalfClose(from: backend, to: client)
  }

  /// The end comes in one segment with the hello, before there is a connection to the backend.
  @Test(arguments: Transport.allCases)
  func `the end of the stream may come with the hello`(over transport: Transport) throws {
    let passage = try Passage(transport)
    var client: Connection?
    try passage.proxy.whileStopped {
      client = try passage.proxy.connect(Passage.hello)
      client?.finishSending()
    }
    let backend = try passage.backend.accept()
    #expect(try backend.receiveAll() == (Passage.hello.bytes, .finished))
    try backend.send("answer")
    backend.close()
    #expect(try client?.receiveAll().bytes == Array("answer".utf8))
  }

  /// One end finishes, and the other one goes on for as long as it likes.
  private static func expectHalfClose(from first: Connection, to last: Connection) throws {
    try first.send("last words")
    first.finishSending()
    #expect(try last.receiveAll() == (Array("last words".utf8), .finished))
    for turn in 0..<3 {
      let piece = SeededBytes(seed: turn).bytes(at: 0, count: 50_000)
      try last.send(piece)
      #expect(try first.receive(piece.count) == piece)
    }
    last.finishSending()
    try first.expectEnd()
  }

  private static let exchanges = 36
  private static let largeCount = Sanitizer.rounds(128) << 20
}

/// What the two ends of one connection do.
private struct Exchange {
  let padding: Int
  let recordSize: Int
  let up: Flow
  let down: Flow

  struct Flow {
    let seed: Int
    let count: Int
    let sent: ClosedRange<Int>
    let taken: ClosedRange<Int>

    init(_ generator: inout SplitMix64) {
      seed = Int.random(in: 0..<1 << 30, using: &generator)
      count = [0, 1, 10_000, 300_000, 2_000_000].map { Int.random(in: 0...$0, using: &generator) }
        .randomElement(using: &generator)!
      sent = 1...[100, 5000, 300_000].randomElement(using: &generator)!
      taken = 1...[100, 5000, 300_000].randomElement(using: &generator)!
    }
  }

  init(seed: Int) {
    var generator = SplitMix64(seed: UInt64(seed))
    padding = [0, 1, 1500, 16_000, 60_000].randomElement(using: &generator)!
    recordSize = [100, 1 << 14].randomElement(using: &generator)!
    up = Flow(&generator)
    down = Flow(&generator)
  }

  func run(from client: Connection, to listener: Listener, _ name: String) throws {
    let hello = Hello(name, padding: padding, recordSize: recordSize).bytes
    try client.send(hello)
    let backend = try listener.accept()
    let received = try backend.receive(hello.count)
    guard received == hello else { throw Failure("the hello arrived changed") }
    try Scratch.inParallel(4) { part in
      switch part {
      case 0: try send(up, from: client)
      case 1: try send(down, from: backend)
      case 2: try backend.expect(SeededBytes(seed: up.seed), count: up.count, pieces: up.taken, seed: up.seed)
      default: try client.expect(SeededBytes(seed: down.seed), count: down.count, pieces: down.taken, seed: down.seed)
      }
    }
  }

  private func send(_ flow: Flow, from source: Connection) throws {
    try source.send(SeededBytes(seed: flow.seed), count: flow.count, pieces: flow.sent, seed: flow.seed)
    source.finishSending()
  }
}
