import Foundation
import StatusReport
import Testing

@testable import Status

/// Whoever wrote the file may be anybody.
@Suite struct DamageTests {
  @Test func `whatever one word is, there is something to tell, or it is damaged`() throws {
    let whole = try Self.whole()
    for word in 1..<whole.count / 8 {
      for value in Self.values {
        var bytes = whole
        Self.put(value, at: word, in: &bytes)
        try Self.tell(bytes, after: whole)
      }
    }
  }

  @Test func `whatever all the words are`() throws {
    let whole = try Self.whole()
    for _ in 0..<200 {
      var bytes = whole
      // What comes before is how the file is laid out, the process, and what it does.
      for word in 8..<whole.count / 8 {
        Self.put(UInt64.random(in: 0 ... .max) >> UInt64.random(in: 0..<64), at: word, in: &bytes)
      }
      try Self.tell(bytes, after: whole)
    }
  }

  private static let values: [UInt64] = [.max, 1 << 63, .max >> 1, 1 << 62, .max >> 2]

  private static func whole() throws -> [UInt8] {
    let status = try SampleStatus()
    status.countMuch()
    return try [UInt8](Data(contentsOf: URL(filePath: status.path)))
  }

  private static func put(_ value: UInt64, at word: Int, in bytes: inout [UInt8]) {
    for index in 0..<8 {
      bytes[word * 8 + index] = UInt8(truncatingIfNeeded: value.littleEndian >> (8 * UInt64(index)))
    }
  }

  private static func tell(_ bytes: [UInt8], after whole: [UInt8]) throws {
    let earlier = Reading(try StatusFile.parse(whole, isAlive: true), at: 1)
    for isAlive in [true, false] {
      guard let snapshot = try? StatusFile.parse(bytes, isAlive: isAlive) else { continue }
      let reading = Reading(snapshot, at: 1_000_000_001)
      var history = History()
      for each in [earlier, reading, earlier] { history.add(each) }
      history.add(reading)
      let texts = [
        reading.table(since: earlier, now: 1 << 60, file: "f", byWorker: true), snapshot.json(file: "f").description,
        snapshot.metrics.exposition,
        history.screen(width: 80, height: 50, now: 1 << 60, file: "f", isUnicode: true).joined(),
      ]
      #expect(texts.allSatisfy { !$0.isEmpty })
    }
  }
}
