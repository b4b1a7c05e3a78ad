import Foundation
import Testing

/// Connections that are stuck: they cost no processor time, a bounded amount of memory, and not a byte.
@Suite(.scratch, .looksInside)
struct SlowReaderTests {
  @Test(arguments: [Transport.ip4, .unix], Stuck.allCases)
  func `what is stuck costs no time, little memory, no byte`(over transport: Transport, because stuck: Stuck) throws {
    let passage = try Passage(transport, options: ["--workers", "1"])
    // What a first connection makes the program allocate for good.
    _ = try passage.connect()
    let before = try passage.proxy.vitals.anonymousMemory
    let connections = try (0..<Self.connections).map { seed in
      try StuckConnection(passage, stuck, SeededBytes(seed: seed))
    }
    try passage.proxy.vitals.expectRest()
    let grown = try passage.proxy.vitals.anonymousMemory - before
    // A sanitizer has shadows of the memory.
    if Sanitizer.current == nil {
      #expect(grown < Self.connections * Self.memoryOfOne, "KiB for \(Self.connections) connections")
    }
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
  case nobodyReadsAndClientFinished
  case nobodyReadsAndClientClosed
  case nobodyReadsAndBackendFinished
  case nobodyReadsAndBackendClosed
  case nobodyReadsAndClientHungUp
  case nobodyReadsAndBackendHungUp

  var testDescription: String { rawValue }

  /// Each end sends until no more is taken.
  private static let full: [Self] = [
    .nobodyReads, .nobodyReadsAndClientFinished, .nobodyReadsAndClientClosed, .nobodyReadsAndBackendFinished,
    .nobodyReadsAndBackendClosed, .nobodyReadsAndClientHungUp, .nobodyReadsAndBackendHungUp,
  ]

  var fillsUpload: Bool { self == .backendDoesNotRead || Self.full.contains(self) }

  var fillsDownload: Bool {
    switch self {
    case .backendDoesNotRead, .clientFinishedAndWaits, .backendFinishedAndWaits, .backendTakesNoMore, .nothingIsSaid:
      false
    default: true
    }
  }

  /// Before it would send anything.
  var clientFinishesEarly: Bool { self == .clientFinishedAndDoesNotRead || self == .clientFinishedAndWaits }

  /// Before anything is sent to it.
  var backendShutsReading: Bool { self == .backendTakesNoMore || self == .backendTakesNoMoreClientDoesNotRead }

  /// The backend closes with bytes of the client unread.
  var isReset: Bool { self == .backendResetClientDoesNotRead || self == .nobodyReadsAndBackendClosed }
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
    if stuck.clientFinishesEarly { client.finishSending() }
    if stuck.backendShutsReading {
      shutdown(backend.descriptor, Int32(SHUT_RD))
      // A Unix client is told.
      try? client.send("into the void")
    }
    if stuck.fillsUpload { uploaded = try Self.fill(client, stream) }
    if stuck.fillsDownload { downloaded = try Self.fill(backend, stream) }
    switch stuck {
    case .backendFinishedClientDoesNotRead, .backendFinishedAndWaits, .nobodyReadsAndBackendFinished:
      backend.finishSending()
    case .backendClosedClientDoesNotRead, .backendResetClientDoesNotRead, .nobodyReadsAndBackendClosed: backend.close()
    case .nobodyReadsAndClientFinished: client.finishSending()
    case .nobodyReadsAndClientClosed: client.close()
    case .nobodyReadsAndClientHungUp: client.hangUp()
    case .nobodyReadsAndBackendHungUp: backend.hangUp()
    default: break
    }
  }

  /// Now both ends read.
  func expectAllThatWasSent(_ transport: Transport) throws {
    let pieces = 1...SeededBytes.longestPiece
    if stuck == .nobodyReadsAndClientClosed || stuck == .nobodyReadsAndClientHungUp {
      // It left bytes unread, which the kernel reports as a reset sooner or later.
      let (bytes, _) = try backend.receiveAll()
      #expect(bytes.count <= uploaded && stream.contains(Array(bytes.prefix(SeededBytes.longestPiece)), at: 0))
      return
    }
    client.finishSending()
    if backend.descriptor >= 0 { backend.finishSending() }
    let ending: Connection.Ending? = !stuck.isReset ? .finished : transport.isInternet ? .reset : nil
    try client.expect(stream, count: downloaded, pieces: pieces, seed: 1, ending: ending)
    if backend.descriptor >= 0 && !stuck.backendShutsReading && stuck != .nobodyReadsAndBackendHungUp {
      try backend.expect(stream, count: uploaded, pieces: pieces, seed: 2)
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
