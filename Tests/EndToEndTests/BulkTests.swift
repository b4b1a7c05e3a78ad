import Foundation
import Testing

/// Large transfers, which stay within the kernel where they can.
@Suite(.scratch)
struct BulkTests {
  /// A splice stops at urgent bytes for good.
  @Test(arguments: [Transport.ip4, .ip6])
  func `urgent bytes in the middle of an upload arrive in order`(over transport: Transport) throws {
    let passage = try Passage(transport)
    for seed in 0..<12 {
      let (client, backend) = try passage.connect()
      let stream = SeededBytes(seed: seed)
      try Scratch.inParallel(2) { end in
        if end == 0 {
          try sendWithUrgentBytes(stream, seed: seed, from: client)
        } else {
          try backend.expect(stream, count: Self.uploadCount, pieces: 1...SeededBytes.longestPiece, seed: seed)
        }
      }
      client.close()
    }
  }

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

  private func sendWithUrgentBytes(_ stream: SeededBytes, seed: Int, from client: Connection) throws {
    var generator = SplitMix64(seed: UInt64(seed))
    var sent = 0
    while sent < Self.uploadCount - 1 {
      let piece = min(Self.uploadCount - 1 - sent, Int.random(in: 1...SeededBytes.longestPiece, using: &generator))
      try client.send(stream.bytes(at: sent, count: piece))
      sent += piece
      guard sent < Self.uploadCount - 1, Int.random(in: 0..<8, using: &generator) == 0 else { continue }
      try sendUrgent(stream.bytes(at: sent, count: 1), from: client)
      sent += 1
    }
    // The last byte is urgent, and the end follows at once.
    try sendUrgent(stream.bytes(at: sent, count: 1), from: client)
    client.finishSending()
  }

  private func sendUrgent(_ bytes: [UInt8], from client: Connection) throws {
    try eventually("room for an urgent byte") {
      unsafe send(client.descriptor, bytes, bytes.count, Int32(MSG_OOB) | Int32(MSG_NOSIGNAL)) == bytes.count
    }
  }

  /// What the congestion control is decides whether a download is spliced or copied.
  @Test(arguments: ["reno", "cubic", "bbr"], [true, false])
  func `a download is whole whatever the congestion control`(_ name: String, slowly: Bool) throws {
    let listener = try Listener(.ip4(0))
    guard
      unsafe setsockopt(listener.descriptor, Int32(IPPROTO_TCP), TCP_CONGESTION, name, socklen_t(name.utf8.count)) == 0
    else { return }
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("test.test")
    let proxy = try Proxy(hosts, listen: [], descriptors: [0: .descriptor(listener.descriptor)])
    let client = try Connection(to: listener.address, sending: Passage.hello)
    let accepted = try backend.accept()
    #expect(try accepted.receive(Passage.hello.bytes.count) == Passage.hello.bytes)
    let stream = SeededBytes(seed: 7)
    let count = slowly ? 25_000_000 : 50_000_000
    try Scratch.inParallel(2) { end in
      if end == 0 {
        try accepted.send(stream, count: count, pieces: SeededBytes.longestPiece...SeededBytes.longestPiece, seed: 1)
        accepted.close()
      } else {
        // One who reads in small pieces makes the proxy hold bytes time and again.
        try client.expect(stream, count: count, pieces: 1...(slowly ? 5_000 : SeededBytes.longestPiece), seed: 2)
      }
    }
    withExtendedLifetime(proxy) {}
  }

  @Test(.requiresRoot, .requires("setpriv", "python3"))
  func `without pipe memory for its user it copies, and loses nothing`() throws {
    let before = try pipesAfterUpload()
    #expect(before == 2, "one pipe, and so two descriptors")
    let hoarder = try Child(
      "setpriv", ["--reuid", Self.user, "--clear-groups", "python3", "-c", Self.hoard])
    try eventually("all pipe memory to be taken; \(hoarder.error)") { hoarder.output.contains("all taken") }
    #expect(try pipesAfterUpload() == 0)
  }

  /// The descriptors of pipes that the proxy has after a large upload more than before it.
  private func pipesAfterUpload() throws -> Int {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("test.test")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o777], ofItemAtPath: "\(hosts.path)/test.test/tls-socket")
    let proxy = try Proxy(hosts, "--user", Self.user, "--workers", "1")
    let before = pipes(of: proxy)
    let client = try proxy.connect(Passage.hello)
    let accepted = try backend.accept()
    #expect(try accepted.receive(Passage.hello.bytes.count) == Passage.hello.bytes)
    let stream = SeededBytes(seed: 9)
    try Scratch.inParallel(2) { end in
      if end == 0 {
        try client.send(
          stream, count: Self.uploadCount, pieces: SeededBytes.longestPiece...SeededBytes.longestPiece, seed: 1)
        client.finishSending()
      } else {
        try accepted.expect(stream, count: Self.uploadCount, pieces: 1...SeededBytes.longestPiece, seed: 2)
      }
    }
    defer { proxy.child.signal(SIGKILL) }
    return pipes(of: proxy) - before
  }

  private func pipes(of proxy: Proxy) -> Int {
    let directory = "/proc/\(proxy.child.pid)/fd"
    let names = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return names.count { name in
      (try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\(name)"))?.hasPrefix("pipe:") == true
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

  /// A worker that stood in a user's directory would keep it from being unmounted.
  @Test func `no worker stays in a user's directory`() throws {
    let passage = try Passage()
    let connections = try (0..<20).map { _ in try passage.connect() }
    let task = "/proc/\(passage.proxy.child.pid)/task"
    for thread in try FileManager.default.contentsOfDirectory(atPath: task) {
      let place = try FileManager.default.destinationOfSymbolicLink(atPath: "\(task)/\(thread)/cwd")
      #expect(!place.hasSuffix("test.test"))
    }
    withExtendedLifetime(connections) {}
  }

  @Test(.requiresRoot) func `a hosts directory that is closed and opened again leads nowhere else meanwhile`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("one.test").answer("one")
    try hosts.addBackend("two.test").answer("two")
    for name in ["one.test", "two.test"] {
      try FileManager.default.setAttributes(
        [.posixPermissions: 0o777], ofItemAtPath: "\(hosts.path)/\(name)/tls-socket")
    }
    let proxy = try Proxy(hosts, "--user", Self.user, "--workers", "1")
    #expect(try proxy.ask("one.test") == "one")
    try FileManager.default.setAttributes([.posixPermissions: 0o600], ofItemAtPath: hosts.path)
    for name in ["one.test", "two.test"] { #expect(try proxy.refusal(Hello(name)) == 112) }
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: hosts.path)
    for name in ["two.test", "one.test"] { #expect(try proxy.ask(name) == String(name.prefix(3))) }
  }

  @Test func `a thousand clients at once are served`() throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test", backlog: 4096).answer("answer")
    let proxy = try Proxy(hosts, "--workers", "1")
    let clients = try (0..<1000).map { _ in try proxy.connect(Passage.hello) }
    for client in clients { #expect(try client.receiveAll() == (Array("answer".utf8), .finished)) }
  }

  private static let uploadCount = 20_000_000
  /// Not used by anybody else.
  private static let user = "48213"

  private static let hoard = """
    import fcntl, os, time
    taken = []
    while True:
        taken.append(os.pipe())
        try:
            fcntl.fcntl(taken[-1][1], 1031, 1 << 20)
        except PermissionError:
            pass
        # What a user gets beyond its share.
        if fcntl.fcntl(taken[-1][1], 1032) <= 8192:
            break
    print("all taken", flush=True)
    time.sleep(600)
    """

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
