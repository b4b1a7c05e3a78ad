import Foundation
import Testing

/// What a splice cannot do.
@Suite(.scratch)
struct SpliceTests {
  /// Both come while the proxy splices what came before.
  @Test(.requires("strace")) func `an urgent byte shortly before the end arrives too`() throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("test.test")
    let slowly = ["-e", "trace=splice", "-e", "inject=splice:delay_exit=50000"]
    let proxy = try Proxy(
      hosts, options: ["--workers", "1"], launcher: ["strace", "-f", "-qq", "-o", "/dev/null"] + slowly)
    for seed in 0..<3 {
      let client = try proxy.connect(Passage.hello)
      let accepted = try backend.accept()
      #expect(try accepted.receive(Passage.hello.bytes.count) == Passage.hello.bytes)
      let stream = SeededBytes(seed: seed)
      try Scratch.inParallel(2) { end in
        if end == 0 {
          for place in stride(from: 0, to: 400_000, by: 50_000) {
            try client.send(stream.bytes(at: place, count: 50_000))
          }
          try client.awaitTaken()
          try sendUrgent(stream.bytes(at: 400_000, count: 1), from: client)
          try client.send(stream.bytes(at: 400_001, count: 99))
          client.finishSending()
        } else {
          try accepted.expect(stream, count: 400_100, pieces: 1...SeededBytes.longestPiece, seed: seed)
        }
      }
    }
  }

  /// Now and then a splice fails, from the client, to the client, and while bytes are held.
  @Test(.requires("strace"), arguments: ["ENOMEM", "EPERM"])
  func `where a splice fails it is copied`(_ error: String) throws {
    let listener = try Listener(.ip4(0))
    let name = "reno"
    _ = unsafe setsockopt(listener.descriptor, Int32(IPPROTO_TCP), TCP_CONGESTION, name, socklen_t(name.utf8.count))
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("test.test")
    let failures = ["-e", "trace=splice", "-e", "inject=splice:error=\(error):when=3+7"]
    let proxy = try Proxy(
      hosts, options: ["--workers", "1"], listen: [], descriptors: [0: .descriptor(listener.descriptor)],
      launcher: ["strace", "-f", "-qq", "-o", "/dev/null"] + failures)
    for seed in 0..<8 {
      let client = try Connection(to: listener.address, sending: Passage.hello)
      let accepted = try backend.accept()
      #expect(try accepted.receive(Passage.hello.bytes.count) == Passage.hello.bytes)
      let (up, down) = (SeededBytes(seed: seed), SeededBytes(seed: seed + 100))
      let pieces = 1...SeededBytes.longestPiece
      try Scratch.inParallel(4) { end in
        switch end {
        case 0:
          try client.send(up, count: 3_000_000, pieces: pieces, seed: seed)
          client.finishSending()
        case 1: try accepted.expect(up, count: 3_000_000, pieces: pieces, seed: seed)
        case 2:
          try accepted.send(down, count: 20_000_000, pieces: pieces, seed: seed)
          accepted.finishSending()
        default: try client.expect(down, count: 20_000_000, pieces: 1...5_000, seed: seed)
        }
      }
    }
    withExtendedLifetime(proxy) {}
  }

  /// The kernel tells of room in the client's buffer once. Where the splice towards it fails after that, nothing tells again.
  @Test(
    .requires("strace"),
    .enabled(if: CongestionControl.reno.isAllowed, "the kernel does not let this user splice towards TCP"))
  func `a client with room for more gets what a splice could not give it`() throws {
    let listener = try Listener(.ip4(0))
    try #require(CongestionControl.reno.isGiven(to: listener.descriptor))
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("test.test")
    let proxy = try Proxy(
      hosts, options: ["--workers", "1"], listen: [], descriptors: [0: .descriptor(listener.descriptor)])
    let client = try Connection(to: listener.address, sending: Passage.hello)
    let served = try backend.accept()
    _ = try served.receive(Passage.hello.bytes.count)
    let worker = try proxy.vitals.threads("worker")
    let stream = SeededBytes(seed: 1)
    let pieces = 1...SeededBytes.longestPiece
    try Scratch.inParallel(2) { end in
      if end == 0 {
        try served.send(stream, count: 30_000_000, pieces: pieces, seed: 1)
        served.finishSending()
        return
      }
      try eventually("the backend to be held back") { try !served.hasRoom(within: 0.1) }
      // The first splice fills the pipe, once what was held has gone to the client, the second one empties it.
      let injection = try Injection("splice", "ENOMEM", .second, in: worker)
      try client.expect(stream, count: 30_000_000, pieces: pieces, seed: 2)
      #expect(try injection.failures == 1)
      try injection.end()
    }
  }

  private func sendUrgent(_ bytes: [UInt8], from client: Connection) throws {
    try eventually("room for an urgent byte") {
      unsafe send(client.descriptor, bytes, bytes.count, Int32(MSG_OOB) | Int32(MSG_NOSIGNAL)) == bytes.count
    }
  }

  /// A read stops after each message that carries descriptors.
  @Test(.requires("python3")) func `what a backend sends along with descriptors does not hold up the rest`() throws {
    let hosts = try HostsDirectory()
    let entry = try hosts.add("test.test")
    let backend = try Child("python3", ["-c", Self.descriptorSender, "\(entry.path)/tls-socket"])
    try eventually("the backend; \(backend.error)") { backend.output.contains("listening") }
    let proxy = try Proxy(hosts)
    let client = try proxy.connect(Passage.hello)
    #expect(try client.receive(30) == Array(String(repeating: "abc", count: 10).utf8))
  }

  @Test(arguments: Transport.allCases)
  func `an end that comes with the last of the hello is passed on`(over transport: Transport) throws {
    let passage = try Passage(transport)
    let bytes = Passage.hello.bytes
    for split in [0, 1, bytes.count / 2, bytes.count - 1] {
      let client = try passage.proxy.connect()
      try client.send(Array(bytes.prefix(split)))
      // So that it is taken before the rest comes.
      if split > 0 { try client.awaitTaken() }
      try client.send(bytes.dropFirst(split) + Array("more".utf8))
      client.finishSending()
      let backend = try passage.backend.accept()
      #expect(try backend.receiveAll() == (bytes + Array("more".utf8), .finished))
      try backend.send("answer")
      backend.close()
      #expect(try client.receiveAll() == (Array("answer".utf8), .finished))
    }
  }

  private static let descriptorSender = """
    import socket, sys, time
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(sys.argv[1])
    listener.listen()
    print("listening", flush=True)
    while True:
        client, _ = listener.accept()
        client.recv(65536)
        for _ in range(10):
            socket.send_fds(client, [b"abc"], [0])
        time.sleep(600)
    """
}

extension Connection {
  /// Waits until the peer's kernel has all that was sent (Internet), or the peer itself (Unix).
  fileprivate func awaitTaken() throws {
    try eventually("all that was sent to be taken") {
      var count: Int32 = 0
      return unsafe ioctl(descriptor, UInt(TIOCOUTQ), &count) == 0 && count == 0
    }
  }
}
