import Foundation
import Testing

/// A side that is closed for both directions while the other is slow.
@Suite(.scratch)
struct HangUpTests {
  /// Both directions are full, so that neither side is ready for anything when the hang-up comes.
  @Test func backendHangsUpWhileBothAreFull() throws {
    let passage = try Passage(options: ["--workers", "1"])
    let (client, backend) = try passage.connect()
    let stream = SeededBytes(seed: 1)
    _ = try fill(client, stream)
    let downloaded = try fill(backend, stream)
    backend.hangUp()
    try passage.proxy.vitals.expectRest()
    try client.expect(stream, count: downloaded, pieces: 1...SeededBytes.longestPiece, seed: 1)
  }

  @Test func clientHangsUpWhileBothAreFull() throws {
    let passage = try Passage(.unix, options: ["--workers", "1"])
    let (client, backend) = try passage.connect()
    let stream = SeededBytes(seed: 2)
    let uploaded = try fill(client, stream)
    _ = try fill(backend, stream)
    client.hangUp()
    try passage.proxy.vitals.expectRest()
    // The client's end of stream is a clean one, though it took nothing of what the backend wrote.
    try backend.expect(stream, count: uploaded, pieces: 1...SeededBytes.longestPiece, seed: 2)
  }

  /// The client takes no more, and the backend is gone: nobody is left to end it by a write.
  @Test(.looksInside) func nobodyTakesAnything() throws {
    let passage = try Passage(.unix)
    let before = try passage.proxy.vitals.descriptors
    let (client, backend) = try passage.connect()
    shutdown(client.descriptor, Int32(SHUT_RD))
    // Until sniproxy has noticed: its own writes fail, and so do the backend's.
    try eventually("the backend to be told") { (try? backend.send("in vain")) == nil }
    backend.close()
    try eventually("the connection to end") { try passage.proxy.vitals.descriptors == before }
  }

  /// A backend that has closed when the client begins to read: what it wrote arrives whole, and the connection ends though
  /// the client keeps its own direction open and says nothing.
  @Test(.looksInside) func backendClosedBeforeTheClientReads() throws {
    let passage = try Passage()
    let before = try passage.proxy.vitals.descriptors
    let (client, backend) = try passage.connect()
    let stream = SeededBytes(seed: 3)
    let downloaded = try fill(backend, stream)
    backend.close()
    try passage.proxy.vitals.expectRest()
    try client.expect(stream, count: downloaded, pieces: 1...SeededBytes.longestPiece, seed: 3)
    try eventually("the connection to end") { try passage.proxy.vitals.descriptors == before }
  }

  /// The client's reading and the backend's reset come to sniproxy in one turn of its loop.
  @Test(.looksInside) func backendResetsWhenTheClientHasJustRead() throws {
    let passage = try Passage(options: ["--workers", "1"])
    let (client, backend) = try passage.connect(readingHello: false)
    let stream = SeededBytes(seed: 6)
    receiveBuffer(of: client, 8192)
    var count = 0
    try eventually("sniproxy to wait for room") {
      count += try backend.sendSome(stream.bytes(at: count, count: 90_000)[...]) ?? 0
      return try passage.proxy.vitals.waitsForRoom
    }
    receiveBuffer(of: client, 1 << 22)
    var taken = 0
    try passage.proxy.whileStopped {
      while try client.hasBytes(within: 0.3), case .bytes(let bytes) = try client.receiveSome() {
        #expect(stream.contains(bytes, at: taken))
        taken += bytes.count
      }
      backend.close()
    }
    let (rest, ending) = try client.receiveAll()
    #expect(stream.contains(rest, at: taken))
    #expect(taken + rest.count == count)
    #expect(ending == .reset)
  }

  /// The client's bytes and the backend's reset come in one turn of the loop; a broken pipe is told before the reset.
  @Test func backendResetsWhenTheClientHasJustWritten() throws {
    let passage = try Passage(options: ["--workers", "1", "--access-log"])
    let (client, backend) = try passage.connect(readingHello: false)
    try backend.send("answer")
    backend.finishSending()
    let (bytes, _) = try client.receiveAll()
    #expect(bytes == Array("answer".utf8))
    try passage.proxy.whileStopped {
      try client.send("more")
      backend.close()
    }
    try eventually("the reset to be known as one") { passage.proxy.log.contains("end=reset-by-backend") }
  }

  @Test(.looksInside) func whoIsCutWhileLingeringIsTold() throws {
    let passage = try Passage(options: ["--access-log", "--drain-timeout", "0.2"])
    let (client, backend) = try passage.connect()
    receiveBuffer(of: client, 4096)
    try backend.send([UInt8](repeating: 0, count: 1_000_000))
    backend.close()
    try eventually("the backend's connection to be closed") { try !passage.proxy.vitals.waitsForRoom }
    try passage.proxy.stop()
    #expect(passage.proxy.log.contains("end=cut"), "\(passage.proxy.log)")
  }

  /// It takes longer than sniproxy lingers for a client that was refused, and has something to say meanwhile.
  @Test func slowClientGetsAFinishedAnswerWhole() throws {
    let passage = try Passage()
    let (client, backend) = try passage.connect()
    let stream = SeededBytes(seed: 4)
    let count = 100_000
    // Its kernel takes little at first, so that most of the answer waits in sniproxy's.
    receiveBuffer(of: client, 4096)
    try backend.send(stream, count: count, pieces: 1...100_000, seed: 4)
    backend.close()
    for _ in 0..<7 {
      // The time has to pass.
      usleep(1_000_000)
      try client.send([0])
    }
    receiveBuffer(of: client, 1 << 20)
    try client.expect(stream, count: count, pieces: 1...SeededBytes.longestPiece, seed: 5)
  }

  private func receiveBuffer(of connection: Connection, _ size: Int32) {
    var size = size
    _ = unsafe setsockopt(connection.descriptor, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size))
  }

  /// Sends until no more is taken.
  private func fill(_ source: Connection, _ stream: SeededBytes) throws -> Int {
    var sent = 0
    while try source.hasRoom(within: 0.3) {
      sent += try source.sendSome(stream.bytes(at: sent, count: 1 << 16)[...]) ?? 0
    }
    return sent
  }
}
