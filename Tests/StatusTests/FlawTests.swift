import Foundation
import Kernel
import Testing

@testable import Status

/// What else can be at a status file's place.
@Suite struct FlawTests {
  private static let whole: [UInt8] = Ledger(workers: 2).copy()

  @Test func `a whole file is read`() throws {
    #expect(try StatusFile.parse(Self.whole, isAlive: false).workers.count == 2)
  }

  @Test func `every other length is told`() {
    for length in 0..<Self.whole.count {
      let flaw = flaw(Array(Self.whole.prefix(length)))
      if length < Layout.magic.count {
        #expect(flaw == .notStatusFile)
      } else {
        guard case .wrongLength(length, _) = flaw else {
          Issue.record("\(length): \(flaw.map { "\($0)" } ?? "no flaw")")
          continue
        }
      }
    }
    #expect(flaw(Self.whole + [0]) == .wrongLength(Self.whole.count + 1, expected: Self.whole.count))
  }

  private static let damages: [(place: Int, value: UInt64, flaw: StatusFile.Flaw)] = [
    (Layout.Header.magic, 0, .notStatusFile),
    (Layout.Header.version, Layout.version + 1, .otherVersion(Layout.version + 1)),
    (Layout.Header.version, 0, .otherVersion(0)),
    (Layout.Header.length, 8, .damaged),
    (Layout.Header.length, .max, .damaged),
    (Layout.Header.workers, 0, .damaged),
    (Layout.Header.workers, 1, .damaged),
    (Layout.Header.workers, .max, .damaged),
    (Layout.Header.workers, 1 << 62, .damaged),
    (Layout.Header.process, 1 << 40, .damaged),
    (Layout.Header.state, 4, .damaged),
    (Layout.Header.startedAt, (1 << 63) - 1, .damaged),
    (Layout.Header.startedAt, 1 << 63, .damaged),
    (Layout.Header.startedOnClock, 1 << 63, .damaged),
    (Layout.Header.stateSince, 1 << 62, .damaged),
    (Layout.Worker.start(1) + Layout.Worker.lastTurn, (1 << 63) - 1, .damaged),
  ]

  @Test(arguments: damages) func `a damaged word is told`(_ place: Int, _ value: UInt64, _ expected: StatusFile.Flaw) {
    var bytes = Self.whole
    for index in 0..<8 {
      bytes[place * 8 + index] = UInt8(truncatingIfNeeded: value.littleEndian >> (8 * UInt64(index)))
    }
    #expect(flaw(bytes) == expected)
  }

  /// Whoever wrote the file may be anybody: any bytes give a snapshot or a flaw.
  @Test func `no bytes are too strange`() {
    var random = SystemRandomNumberGenerator()
    for _ in 0..<500 {
      var bytes = Self.whole
      for _ in 0..<20 { bytes[Int.random(in: 8..<bytes.count, using: &random)] = .random(in: 0...255, using: &random) }
      if let snapshot = try? StatusFile.parse(bytes, isAlive: true) {
        _ = (snapshot.total.open, snapshot.total.times(.connect).count)
        #expect(snapshot.program.utf8.allSatisfy { (0x21...0x7e).contains($0) })
      }
    }
  }

  @Test func `files that are none are told, and nobody waits for one`() throws {
    let directory = try TemporaryDirectory()
    #expect(flaw(of: directory.file("missing")) == .unreadable(.noSuchFileOrDirectory))
    #expect(flaw(of: directory.path) == .notStatusFile)
    #expect(flaw(of: "/dev/zero") == .notStatusFile)
    #expect(unsafe mkfifo(directory.file("fifo"), 0o600) == 0)
    #expect(flaw(of: directory.file("fifo")) == .notStatusFile)
    try "something else".write(toFile: directory.file("text"), atomically: false, encoding: .utf8)
    #expect(flaw(of: directory.file("text")) == .notStatusFile)
    #expect(!"\(StatusFile.Flaw.unreadable(.permissionDenied))".isEmpty)
  }

  @Test func `no more is told of a length than was read`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("status")
    _ = try Ledger(workers: 1, path: path)
    #expect(unsafe truncate(path, 1 << 40) == 0)
    #expect(flaw(of: path)?.description.contains("it has at least ") == true)
    #expect(!"\(StatusFile.Flaw.wrongLength(10, expected: 20))".contains("at least"))
  }

  private func flaw(_ bytes: [UInt8]) -> StatusFile.Flaw? {
    do throws(StatusFile.Flaw) {
      _ = try StatusFile.parse(bytes, isAlive: false)
      return nil
    } catch { return error }
  }

  private func flaw(of path: String) -> StatusFile.Flaw? {
    do throws(StatusFile.Flaw) {
      _ = try StatusFile.read(path)
      return nil
    } catch { return error }
  }
}
