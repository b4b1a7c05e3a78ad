import Foundation
import Testing

/// Connections that are stuck: they cost no processor time, a bounded amount of memory, and not a byte.
@Suite(.scratch)
struct SlowReaderTests {
  @Test(arguments: [Transport.ip4, .unix], Stuck.allCases)
  func stuck(over transport: Transport, because stuck: Stuck) throws {
    let passage = try Passage(transport, options: ["--workers", "1"])
    // What a first connection makes the program allocate for good.
    _ = try passage.connect()
    let before = try passage.proxy.vitals.anonymousMemory
    let connections = try (0..<Self.connections).map { seed in
      try StuckConnection(passage, stuck, SeededBytes(seed: seed))
    }
    try passage.proxy.vitals.expectRest()
    let grown = try passage.proxy.vitals.anonymousMemory - before
    #expect(grown < Self.connections * Self.memoryOfOne, "KiB for \(Self.connections) connections")
    for connection in connections { try connection.expectAllThatWasSent(transport) }
  }

  private static let connections = 12
  /// In KiB: enough for what each direction has read and not written, not for what a careless queue would take.
  private static let memoryOfOne = 768
}

/// Why nothing moves.
enum Stuck: String, CaseIterable, CustomTestStringConvertible {
  case clientDoesNotRead
  case backendDoesNotRead
  case nobodyReads
  case backendFinishedClientDoesNotRead
  case backendClosedClientDoesNotRead
  case backendResetClientDoesNotRead
  case clientFinishedAndDoesNotRead
  case clientFinishedAndWaits
  case backendFinishedAndWaits
  case backendTakesNoMore
  case backendTakesNoMoreClientDoesNotRead
  case nothingIsSaid

  var testDescription: String { rawValue }

  var fillsDownload: Bool {
    switch self {
    case .clientDoesNotRead, .nobodyReads, .backendFinishedClientDoesNotRead, .backendClosedClientDoesNotRead,
      .backendResetClientDoesNotRead, .clientFinishedAndDoesNotRead, .backendTakesNoMoreClientDoesNotRead:
      true
    case .backendDoesNotRead, .clientFinishedAndWaits, .backendFinishedAndWaits, .backendTakesNoMore, .nothingIsSaid:
      false
    }
  }

  var fillsUpload: Bool { self == .backendDoesNotRead || self == .nobodyReads }
}

private struct StuckConnection {
  let client: Connection
  let backend: Connection
  private let stuck: Stuck
  private let stream: SeededBytes
  private var uploaded = 0
  private var downloaded = 0

  init(_ passage: Passage, _ stuck: Stuck, _ stream: SeededBytes) throws {
    self.stuck = stuck
    self.stream = stream
    (client, backend) = try passage.connect(readingHello: stuck != .backendResetClientDoesNotRead)
    if stuck == .clientFinishedAndDoesNotRead || stuck == .clientFinishedAndWaits { client.finishSending() }
    if stuck == .backendTakesNoMore || stuck == .backendTakesNoMoreClientDoesNotRead {
      shutdown(backend.descriptor, Int32(SHUT_RD))
      // A Unix client is told.
      try? client.send("into the void")
    }
    if stuck.fillsUpload { uploaded = try Self.fill(client, stream) }
    if stuck.fillsDownload { downloaded = try Self.fill(backend, stream) }
    switch stuck {
    case .backendFinishedClientDoesNotRead, .backendFinishedAndWaits: backend.finishSending()
    case .backendClosedClientDoesNotRead, .backendResetClientDoesNotRead: backend.close()
    default: break
    }
  }

  /// Now both ends read.
  func expectAllThatWasSent(_ transport: Transport) throws {
    let pieces = 1...SeededBytes.longestPiece
    if stuck != .clientFinishedAndDoesNotRead && stuck != .clientFinishedAndWaits { client.finishSending() }
    if backend.descriptor >= 0 { backend.finishSending() }
    let ending: Connection.Ending =
      stuck == .backendResetClientDoesNotRead && transport.isInternet ? .reset : .finished
    try client.expect(stream, count: downloaded, pieces: pieces, seed: 1, ending: ending)
    switch stuck {
    case .backendClosedClientDoesNotRead, .backendResetClientDoesNotRead, .backendTakesNoMore,
      .backendTakesNoMoreClientDoesNotRead:
      break
    default: try backend.expect(stream, count: uploaded, pieces: pieces, seed: 2)
    }
  }

  /// Sends until no more is taken.
  private static func fill(_ source: Connection, _ stream: SeededBytes) throws -> Int {
    var sent = 0
    while try source.hasRoom(within: 0.03) {
      sent += try source.sendSome(stream.bytes(at: sent, count: 1 << 16)[...]) ?? 0
      guard sent < 1 << 28 else { throw Failure("\(sent) bytes were taken though nobody reads them") }
    }
    return sent
  }
}
