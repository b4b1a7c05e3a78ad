import Status
import StatusReport
import Testing

/// The live view.
@Suite struct ScreenTests {
  private func screen(_ history: History, _ width: Int = 80, _ height: Int = 24, isUnicode: Bool = true) -> [String] {
    history.screen(width: width, height: height, now: 0, file: "/run/f", isUnicode: isUnicode)
  }

  @Test func `no size is too small, and no line too long`() throws {
    let status = try SampleStatus()
    status.countMuch()
    var history = History()
    for second in 1...100 { history.add(Reading(try status.snapshot(), at: Int64(second) * 1_000_000_000)) }
    var failed = history
    failed.add(failure: "it is away")
    for history in [History(), history, failed] {
      for width in [0, 1, 2, 10, 40, 79, 80, 81, 300] {
        for height in 0...60 {
          let lines = screen(history, width, height)
          #expect(lines.count <= height && lines.allSatisfy { $0.count <= width }, "\(width)x\(height)")
        }
      }
    }
  }

  @Test func `at 80 by 24 there is all that matters`() throws {
    let status = try SampleStatus()
    var history = History()
    history.add(Reading(try status.snapshot(), at: 1_000_000_000))
    status.countMuch()
    history.add(Reading(try status.snapshot(), at: 2_000_000_000))
    let lines = screen(history)
    let text = lines.joined(separator: "\n")
    #expect(lines.count <= 24)
    #expect(lines[0].hasSuffix("q: quit") && lines[0].count == 80)
    for words in ["open 10 of", "accepted", "throughput both ways", "at most 246.0 TB per second", "█", "unknown_name"]
    {
      #expect(text.contains(words), "\(words) in \(text)")
    }
    #expect(screen(history, isUnicode: false).joined().utf8.allSatisfy { $0 < 0x80 })
  }

  @Test func `no figure is cut off without a sign`() throws {
    let status = try SampleStatus()
    var history = History()
    history.add(Reading(try status.snapshot(), at: 1_000_000_000))
    status.countMuch()
    history.add(Reading(try status.snapshot(), at: 2_000_000_000))
    func words(_ lines: [String]) -> [Substring] {
      lines.flatMap { $0.split(whereSeparator: { " ,".contains($0) }) }
    }
    let whole = Set(words(screen(history, 80, 60)))
    for width in 20..<80 {
      for line in screen(history, width, 60) where !line.hasSuffix(">") && !line.contains("█") {
        #expect(Set(words([line])).isSubset(of: whole), "\(width): \(line)")
      }
    }
    #expect(screen(history, 60).contains { $0.hasPrefix("accepted") && $0.hasSuffix(" 2,000") })
  }

  /// They would keep the times away for ever.
  @Test func `troubles are those of the last minute`() throws {
    let status = try SampleStatus()
    status.countMuch()
    var history = History()
    func add(_ second: Int64) throws -> String {
      history.add(Reading(try status.snapshot(), at: second * 1_000_000_000))
      return screen(history, 80, 26).joined(separator: "\n")
    }
    let old = try add(1)
    #expect(!old.contains("troubles") && old.contains("connect to backend"))
    status.ledger.tally(0).had(.limit)
    #expect(try add(2).contains("troubles: accepting paused at the limit 3"))
    let later = try (add(61), add(63)).1
    #expect(!later.contains("troubles") && later.contains("connect to backend"), "\(later)")
  }

  @Test func `a restart makes no negative rate`() throws {
    let status = try SampleStatus()
    status.countMuch()
    var history = History()
    history.add(Reading(try status.snapshot(), at: 1_000_000_000))
    history.add(Reading(try status.snapshot(), at: 2_000_000_000))
    try status.restart()
    history.add(Reading(try status.snapshot(), at: 3_000_000_000))
    let text = screen(history).joined(separator: "\n")
    #expect(text.contains("at most 0 B per second") && !text.contains("-1"))
    status.ledger.tally(0).moved(up: 5000, down: 0)
    history.add(Reading(try status.snapshot(), at: 4_000_000_000))
    #expect(screen(history).joined(separator: "\n").contains("at most 5.0 kB per second"))
  }

  @Test func `it says why the file cannot be read`() {
    var history = History()
    history.add(failure: "there is no such file")
    #expect(screen(history).contains("cannot read /run/f: there is no such file"))
    let reason = "there is no such file: start sniproxy with --status, or name the file that it has there"
    history.add(failure: reason)
    #expect(screen(history).joined(separator: " ").contains("cannot read /run/f: \(reason)"))
  }
}
