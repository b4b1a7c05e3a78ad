import Foundation
import Synchronization
import Testing

/// The end of a stream together with its last bytes, at whatever moment sniproxy learns of them.
@Suite(.scratch, .looksInside)
struct LastBytesTests {
  /// sniproxy knows the first part before the rest of the hello, what follows it and the end come all at once.
  @Test(arguments: Transport.allCases, [0, 1000, 60_000])
  func `the rest of the hello and the end at once`(over transport: Transport, withMore count: Int) throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("plain.test")
    let headed = try hosts.addBackend("headed.test", flags: .v2)
    let proxy = try Proxy(hosts, "--workers", "1", listen: [transport.listen])
    for (name, backend) in [("plain.test", backend), ("headed.test", headed)] {
      let bytes = Hello(name, padding: 1500).bytes + SeededBytes(seed: 1).bytes(at: 0, count: count)
      for first in [1, 5, 800, Hello(name, padding: 1500).bytes.count - 1] {
        let watched = try proxy.vitals.watched.count
        let client = try proxy.connect()
        try client.send(Array(bytes.prefix(first)))
        try eventually("sniproxy to wait for the rest") { try proxy.vitals.watched.count == watched + 1 }
        try proxy.whileStopped {
          try client.send(Array(bytes.dropFirst(first)))
          client.finishSending()
        }
        let served = try backend.accept()
        if name == "headed.test" { _ = try ProxyHeaderVersion2(from: served) }
        let received = try served.receiveAll()
        #expect(received == (bytes, .finished))
        try served.send("answer")
        served.close()
        #expect(try client.receiveAll() == (Array("answer".utf8), .finished))
        client.close()
        try eventually("the connection to end") { try proxy.vitals.watched.count == watched }
      }
    }
  }

  /// The hello comes in one piece or in two; whatever follows it comes while the backend takes nobody.
  @Test(arguments: Transport.allCases, [nil, 1, 800])
  func `all that a client sends while the backlog is full`(over transport: Transport, inTwoAt first: Int?) throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("full.test", backlog: 0)
    let proxy = try Proxy(hosts, "--workers", "1", listen: [transport.listen])
    let hello = Hello("full.test", padding: 1500).bytes
    let stream = SeededBytes(seed: 2)
    let watched = try proxy.vitals.watched.count
    for count in [0, 1000, 1_000_000] {
      let waiting = try Connection.fillBacklog(of: "\(hosts.path)/full.test/tls-socket")
      let client = try proxy.connect()
      try client.send(Array(hello.prefix(first ?? hello.count)))
      try eventually("sniproxy to wait") { try proxy.vitals.watched.count == watched + 1 }
      if let first { try client.send(Array(hello.dropFirst(first))) }
      let isSent = Atomic(false)
      try Scratch.inParallel(2) { end in
        if end == 0 {
          try client.send(stream, count: count, pieces: 1...SeededBytes.longestPiece, seed: 2)
          client.finishSending()
          isSent.store(true, ordering: .releasing)
        } else {
          // Until it is held back, or has sent all.
          while !isSent.load(ordering: .acquiring), try client.hasRoom() { usleep(1000) }
          for _ in waiting { _ = try backend.accept() }
          let served = try backend.accept()
          guard try served.receive(hello.count) == hello else { throw Failure("the hello arrived changed") }
          try served.expect(stream, count: count, pieces: 1...SeededBytes.longestPiece, seed: 2)
          try served.send("answer")
          served.close()
        }
      }
      #expect(try client.receiveAll() == (Array("answer".utf8), .finished))
      client.close()
      try eventually("the connection to end") { try proxy.vitals.watched.count == watched }
    }
  }

  /// sniproxy learns of the bytes and of the closing at once, where they are few.
  @Test(arguments: Transport.allCases, [1, 1500, 150_000, 5_000_000])
  func `a backend writes and closes at once`(over transport: Transport, count: Int) throws {
    let passage = try Passage(transport, options: ["--workers", "1"])
    for finishing in [false, true] {
      let (client, backend) = try passage.connect()
      if finishing {
        client.finishSending()
        try backend.expectEnd()
      }
      try expectLastBytes(count, from: backend, to: client, passage.proxy)
      client.close()
    }
  }

  @Test(arguments: Transport.allCases, [1, 1500, 60_000, 5_000_000])
  func `a client writes and closes at once`(over transport: Transport, count: Int) throws {
    let passage = try Passage(transport, options: ["--workers", "1"])
    for finishing in [false, true] {
      let (client, backend) = try passage.connect()
      if finishing {
        backend.finishSending()
        try client.expectEnd()
      }
      try expectLastBytes(count, from: client, to: backend, passage.proxy)
      backend.close()
    }
  }

  /// What the client sent is unread, so that the kernel calls the end a reset.
  @Test(arguments: Transport.allCases, [1, 1500, 150_000, 5_000_000])
  func `a backend writes and closes at once with bytes unread`(over transport: Transport, count: Int) throws {
    let passage = try Passage(transport, options: ["--workers", "1"])
    let (client, backend) = try passage.connect()
    try client.send("unread")
    try backend.awaitBytes()
    let ending: Connection.Ending? = transport.isInternet ? .reset : nil
    try expectLastBytes(count, from: backend, to: client, passage.proxy, ending: ending)
  }

  private func expectLastBytes(
    _ count: Int, from source: Connection, to sink: Connection, _ proxy: Proxy, ending: Connection.Ending? = .finished
  ) throws {
    let stream = SeededBytes(seed: count)
    let pieces = 1...SeededBytes.longestPiece
    if count <= 150_000 {
      try proxy.whileStopped {
        try source.send(stream.bytes(at: 0, count: count))
        source.close()
      }
      try sink.expect(stream, count: count, pieces: pieces, seed: 1, ending: ending)
    } else {
      try Scratch.inParallel(2) { end in
        if end == 0 {
          try source.send(stream, count: count, pieces: pieces, seed: 2)
          source.close()
        } else {
          try sink.expect(stream, count: count, pieces: pieces, seed: 1, ending: ending)
        }
      }
    }
  }
}
