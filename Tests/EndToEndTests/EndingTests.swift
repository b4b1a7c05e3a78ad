import Foundation
import Synchronization
import Testing

/// How a connection ends that does not end well.
@Suite(.scratch)
struct EndingTests {
  /// The backend closes with the hello unread.
  @Test(arguments: Transport.allCases, [0, 5, 3_000_000])
  func `a reset comes after every byte that the backend wrote`(over transport: Transport, after count: Int) throws {
    let (client, backend) = try Passage(transport).connect(readingHello: false)
    let stream = SeededBytes(seed: 1)
    try Scratch.inParallel(2) { end in
      if end == 0 {
        try backend.send(stream, count: count, pieces: 1...100_000, seed: 1)
        backend.close()
      } else {
        try Self.expectCutAnswer(at: client, stream, count, pieces: 1...100_000, transport)
      }
    }
  }

  /// Whatever the client does meanwhile: it goes on sending, or it has ended its own direction.
  @Test(arguments: Transport.allCases, [true, false])
  func `a reset comes through whatever the client does`(over transport: Transport, whileTheClientSends sends: Bool)
    throws
  {
    let (client, backend) = try Passage(transport).connect(readingHello: false)
    let stream = SeededBytes(seed: 8)
    let count = 3_000_000
    if !sends { client.finishSending() }
    // Whichever of the client's two calls comes first is told of the reset.
    let told = Mutex(false)
    try Scratch.inParallel(3) { part in
      switch part {
      case 0:
        guard sends else { return }
        do { try client.send(stream, count: 1 << 40, pieces: 1...10_000, seed: 8) } catch {
          if "\(error)".contains("reset") { told.withLock { $0 = true } }
        }
      case 1:
        try backend.send(stream, count: count, pieces: 1...100_000, seed: 8)
        backend.close()
      default:
        defer { client.hangUp() }
        let ending = try client.expect(stream, count: count, pieces: 1...100_000, seed: 9, ending: nil)
        if ending == .reset { told.withLock { $0 = true } }
      }
    }
    if transport.isInternet { #expect(told.withLock { $0 }) }
  }

  /// The client reads only when the backend can write no more, and a little at a time.
  @Test(arguments: Transport.allCases)
  func `a slow client gets every byte of a backend that reset`(over transport: Transport) throws {
    let (client, backend) = try Passage(transport).connect(readingHello: false)
    let stream = SeededBytes(seed: 2)
    let count = 12_000_000
    try Scratch.inParallel(2) { end in
      if end == 0 {
        try backend.send(stream, count: count, pieces: 1...100_000, seed: 2)
        backend.close()
      } else {
        try eventually("the backend to be held back") { try !backend.hasRoom(within: 0.2) }
        try Self.expectCutAnswer(at: client, stream, count, pieces: 1...2000, transport)
      }
    }
  }

  /// It is gone before the client has read anything at all.
  @Test(arguments: Transport.allCases)
  func `a backend that reset before the client read anything`(over transport: Transport) throws {
    let passage = try Passage(transport)
    let (client, backend) = try passage.connect(readingHello: false)
    let stream = SeededBytes(seed: 3)
    var count = 0
    while try backend.hasRoom(within: 0.2) {
      count += try backend.sendSome(stream.bytes(at: count, count: 65536)[...]) ?? 0
    }
    backend.close()
    try passage.proxy.vitals.expectRest()
    try Self.expectCutAnswer(at: client, stream, count, pieces: 1...2000, transport)
  }

  /// A finished answer is delivered, however slow the client is to read it, and though it sends on.
  @Test(arguments: Transport.allCases)
  func `a finished answer is delivered however slow the client is`(over transport: Transport) throws {
    let (client, backend) = try Passage(transport).connect()
    let answer = SeededBytes(seed: 10)
    let count = transport.isInternet ? 1_500_000 : 150_000
    try backend.send(answer, count: count, pieces: 1...100_000, seed: 10)
    backend.close()
    // Longer than any time that sniproxy waits for a client to leave.
    for _ in 0..<70 {
      // A Unix client is told that nobody reads it.
      if transport.isInternet { try client.send("more") } else { try? client.send("more") }
      usleep(100_000)
    }
    try client.expect(answer, count: count, pieces: 1...100_000, seed: 10)
  }

  /// The kernel reports the end of the stream, and so does sniproxy.
  @Test(arguments: Transport.allCases)
  func `a killed backend is the end of the stream`(over transport: Transport) throws {
    let (client, backend) = try Passage(transport).connect()
    let process = try Child("sleep", ["1000"], descriptors: [3: .descriptor(backend.descriptor)])
    try backend.send("half an ans")
    backend.close()
    #expect(try client.receive(11) == Array("half an ans".utf8))
    #expect(try !client.hasBytes())
    process.signal(SIGKILL)
    try client.expectEnd(.finished)
  }

  @Test(arguments: Transport.allCases)
  func `a backend killed in mid-stream`(over transport: Transport) throws {
    let (client, backend) = try Passage(transport).connect()
    backend.beBlocking()
    let end = Child.Source.descriptor(backend.descriptor)
    let process = try Child("cat", descriptors: [0: end, 1: end]).pid
    backend.close()
    let stream = SeededBytes(seed: 4)
    let echoed = 2_000_000
    try Scratch.inParallel(2) { end in
      if end == 0 {
        // Until the other side is gone.
        try? client.send(stream, count: 1 << 40, pieces: 1...100_000, seed: 4)
      } else {
        defer { client.hangUp() }
        #expect(stream.contains(try client.receive(echoed / 2), at: 0))
        #expect(stream.contains(try client.receive(echoed / 2), at: echoed / 2))
        kill(process, SIGKILL)
        // What was under way arrives unchanged; whether the kernel reports an end or a reset depends on what was unread.
        var place = echoed
        while case .bytes(let bytes) = try client.awaitSome() {
          #expect(stream.contains(bytes, at: place))
          place += bytes.count
        }
      }
    }
  }

  /// A backend that reads no more may still answer.
  @Test(arguments: Transport.allCases)
  func `a failed write ends its direction only`(over transport: Transport) throws {
    let (client, backend) = try Passage(transport).connect()
    shutdown(backend.descriptor, Int32(SHUT_RD))
    let stream = SeededBytes(seed: 5)
    let count = 3_000_000
    try Scratch.inParallel(3) { part in
      switch part {
      case 0:
        do {
          try client.send(stream, count: count, pieces: 1...100_000, seed: 5)
        } catch {
          // A Unix client learns what it would learn at the backend itself.
          guard transport == .unix else { throw error }
        }
      case 1:
        try backend.send(stream, count: count, pieces: 1...100_000, seed: 6)
        backend.close()
      default: try client.expect(stream, count: count, pieces: 1...100_000, seed: 7)
      }
    }
  }

  /// At once, though the backend says nothing and asks for nothing.
  @Test(arguments: [Transport.ip4, .ip6])
  func `a reset by the client closes the backend`(over transport: Transport) throws {
    let (client, backend) = try Passage(transport).connect()
    client.reset()
    #expect(try backend.receiveAll().bytes.isEmpty)
  }

  /// At once, though bytes wait in both directions.
  @Test(arguments: [Transport.ip4, .ip6])
  func `a reset by the client closes the backend with both directions full`(over transport: Transport) throws {
    let (client, backend) = try Passage(transport).connect()
    let piece = [UInt8](repeating: 1, count: 65536)
    for end in [client, backend] {
      while try end.hasRoom(within: 0.2) { _ = try end.sendSome(piece[...]) }
    }
    client.reset()
    try Self.expectGone(backend)
  }

  /// At once, and not only when the connect timeout has passed.
  @Test(.looksInside, arguments: [Transport.ip4, .ip6])
  func `a reset by the client is heard while the backlog is full`(over transport: Transport) throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("full.test", backlog: 0)
    let waiting = try Connection.fillBacklog(of: "\(hosts.path)/full.test/tls-socket")
    let proxy = try Proxy(hosts, options: ["--connect-timeout", "600"], listen: [transport.listen])
    let before = try proxy.vitals.descriptors
    let client = try proxy.connect(Hello("full.test"))
    #expect(try !client.hasBytes(within: 0.3))
    client.reset()
    try eventually("sniproxy to let go of the client") { try proxy.vitals.descriptors == before }
    for _ in waiting { _ = try backend.accept() }
    #expect(try backend.acceptIfAny(within: 0.5) == nil)
  }

  @Test(arguments: [Transport.ip4, .ip6])
  func `a reset by the client is heard after its half-close`(over transport: Transport) throws {
    let (client, backend) = try Passage(transport).connect()
    client.finishSending()
    try backend.expectEnd()
    client.reset()
    try Self.expectGone(backend)
  }

  /// Sending fails though nothing was received.
  private static func expectGone(_ backend: Connection) throws {
    try eventually("the backend's connection to close") {
      do { _ = try backend.sendSome([1]) } catch { return true }
      return false
    }
  }

  /// Only TCP has a reset that one can send: what a Unix client sees depends on what it sent itself.
  private static func expectCutAnswer(
    at client: Connection, _ stream: SeededBytes, _ count: Int, pieces: ClosedRange<Int>, _ transport: Transport
  ) throws {
    try client.expect(
      stream, count: count, pieces: pieces, seed: count, ending: transport.isInternet ? .reset : nil)
  }
}
