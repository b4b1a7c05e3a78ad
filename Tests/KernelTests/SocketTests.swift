import Glibc
import Kernel
import Testing
import Wire

@Suite final class SocketTests {
  private let buffer = Buffer(capacity: 1 << 16)

  /// Moves bytes out of the kernel, or looks at them, and says what came.
  private func text(_ transfer: Socket.Transfer) -> String {
    switch transfer {
    case .moved(let count): String(decoding: buffer.bytes(0..<count), as: UTF8.self)
    case .endOfStream: "<end>"
    case .wouldBlock: "<wait>"
    }
  }

  @Test func `bytes are moved, waited for, and end`() throws {
    let pair = try UnixConnection()
    var results: [String] = []
    results.append(text(try pair.server.receive(into: buffer, 0..<10)))
    #expect(try pair.client.send(Array("hello".utf8)) == .moved(5))
    results.append(text(try pair.server.receive(into: buffer, 0..<3)))
    results.append(text(try pair.server.receive(into: buffer, 0..<10)))
    results.append(text(try pair.server.receive(into: buffer, 0..<10)))
    pair.client.shutdownWriting()
    results.append(text(try pair.server.receive(into: buffer, 0..<10)))
    #expect(results == ["<wait>", "hel", "lo", "<wait>", "<end>"])
    #expect(try pair.server.send(Array("still".utf8)) == .moved(5))
    results = [text(try pair.client.receive(into: buffer, 0..<10))]
    #expect(results == ["still"])
  }

  @Test func `a range of the buffer is read into and sent from`() throws {
    let pair = try UnixConnection()
    _ = try pair.client.send(Array("abcdef".utf8), from: 2)
    #expect(try pair.server.receive(into: buffer, 100..<200) == .moved(4))
    #expect(buffer.bytes(100..<104) == Array("cdef".utf8))
    #expect(try pair.server.send(buffer, 101..<103) == .moved(2))
    let result = text(try pair.client.receive(into: buffer, 0..<10))
    #expect(result == "de")
  }

  @Test func `peeking leaves the bytes where they are`() throws {
    let pair = try UnixConnection()
    _ = try pair.client.send(Array("hello".utf8))
    var results = [text(try pair.server.peek(into: buffer, 0..<3)), text(try pair.server.peek(into: buffer, 0..<10))]
    results.append(text(try pair.server.receive(into: buffer, 0..<10)))
    results.append(text(try pair.server.peek(into: buffer, 0..<10)))
    #expect(results == ["hel", "hello", "hello", "<wait>"])
  }

  @Test func `over TCP peeking can go on where it ended`() throws {
    let connection = try TCPConnection()
    try connection.server.setPeekOffset(0)
    connection.send("abc")
    var results = [text(try connection.server.peek(into: buffer, 0..<10))]
    results.append(text(try connection.server.peek(into: buffer, 0..<10)))
    connection.send("def")
    results.append(text(try connection.server.peek(into: buffer, 0..<10)))
    try connection.server.setPeekOffset(nil)
    results.append(text(try connection.server.peek(into: buffer, 0..<10)))
    results.append(text(try connection.server.receive(into: buffer, 0..<10)))
    #expect(results == ["abc", "<wait>", "def", "abcdef", "abcdef"])
  }

  @Test func `a full socket takes a part, then nothing, then more`() throws {
    let pair = try UnixConnection()
    let megabytes = [UInt8](repeating: 7, count: 8 << 20)
    guard case .moved(let sent) = try pair.client.send(megabytes) else {
      Issue.record("nothing was sent")
      return
    }
    #expect(sent < megabytes.count)
    #expect(try pair.client.send([1]) == .wouldBlock)
    var received = 0
    while case .moved(let count) = try pair.server.receive(into: buffer, 0..<buffer.capacity) { received += count }
    #expect(received == sent)
    #expect(try pair.client.send([1]) == .moved(1))
  }

  @Test func `writing to one who is gone is an error, and no signal`() throws {
    let pair = try UnixConnection()
    pair.server.shutdownReading()
    #expect(failure { () throws(Errno) in _ = try pair.client.send([1]) } == .brokenPipe)
    #expect(failure { () throws(Errno) in _ = try pair.client.send(buffer, 0..<1) } == .brokenPipe)
    #expect(try pair.server.send([1]) == .moved(1))
  }

  @Test func `bytes that the peer has not read are unacknowledged`() throws {
    let pair = try UnixConnection()
    var counts = [pair.client.unacknowledged]
    _ = try pair.client.send([1, 2, 3])
    counts.append(pair.client.unacknowledged)
    _ = try pair.server.receive(into: buffer, 0..<10)
    counts.append(pair.client.unacknowledged)
    #expect(counts[0] == 0 && counts[1] >= 3 && counts[2] == 0)
  }

  @Test func `a reset arrives as one`() throws {
    let listener = try ListeningSocket(.internet(.v4([127, 0, 0, 1]), port: 0, scope: 0))
    let client = connectToLoopback(port(listener))
    do {
      let server = try acceptedSocket(listener)
      server.resetOnClose()
    }
    var byte: UInt8 = 0
    let result = unsafe recv(client.number, &byte, 1, 0)
    let error = errno
    #expect(result == -1 && error == ECONNRESET)
  }

  @Test func `a socket that is none has no connection`() {
    #expect(failure { () throws(Errno) in _ = try Socket.none.send([1]) } == Errno(EBADF))
    #expect(failure { () throws(Errno) in _ = try Socket.none.localEndpoint } == Errno(EBADF))
    #expect(Socket.none.unacknowledged == 0)
  }

  @Test func `a Unix socket has no Internet address`() throws {
    let pair = try UnixConnection()
    let endpoint = try pair.server.localEndpoint
    #expect(endpoint == .local)
  }
}
