import Status
import StatusReport
import Testing
import Wire

/// The page for people.
@Suite struct TableTests {
  @Test func `it fits 80 columns, however much there is to tell`() throws {
    let status = try SampleStatus(workers: 3)
    status.countMuch()
    let page = try Reading(status.snapshot(), at: 2_000_000_000).table(
      since: Reading(status.snapshot(), at: 1_000_000_000), now: 0, file: status.path, byWorker: true)
    for line in page.split(separator: "\n") { #expect(line.count <= 80, "\(line)") }
    #expect(page.contains("is serving"))
    #expect(page.contains("open 15 of 32,743: relaying 3, waiting for hello 3, for backend 3,\n"))
    #expect(page.contains("\n  for receiver 3, closing 3\n"))
    #expect(page.contains("3 workers"))
  }

  @Test func `rates are of the time between two readings`() throws {
    let status = try SampleStatus()
    let before = Reading(try status.snapshot(), at: 1_000_000_000)
    let tally = status.ledger.tally(1)
    for _ in 0..<5 { tally.accepted() }
    tally.refused(.unknownName)
    tally.moved(up: 1000, down: 3_000_000)
    let after = Reading(try status.snapshot(), at: 3_000_000_000)
    let lines = after.table(since: before, now: 0, file: "f", byWorker: false).split(separator: "\n").map {
      $0.split(separator: " ").joined(separator: " ")
    }
    for line in [
      "accepted 5 2.5", "relayed 0 0", "refused 1 0.5", "bytes to backends 1.0 kB 500 B",
      "bytes to clients 3.0 MB 1.5 MB", "unknown_name, alert 112 1 0.5",
    ] { #expect(lines.contains(line), "\(line) in \(lines)") }
  }

  @Test func `refusals are ordered, the most frequent first`() throws {
    let status = try SampleStatus()
    let tally = status.ledger.tally(0)
    for (kind, count) in [(Refusal.Kind.hungUp, 2), (.unknownName, 7), (.noServerName, 4)] {
      for _ in 0..<count { tally.refused(kind) }
    }
    let page = try Reading(status.snapshot(), at: 1).table(since: nil, now: 0, file: "f", byWorker: false)
    let order = page.split(separator: "\n").compactMap { $0.split(separator: ",").first }.filter { $0.contains("_") }
    #expect(order == ["unknown_name", "no_server_name", "hung_up"])
    #expect(page.contains("hung_up, no alert"))
  }

  @Test func `the name of a file moves no cursor`() throws {
    let page = try Reading(SampleStatus().snapshot(), at: 1).table(
      since: nil, now: 0, file: "a\u{1b}[2J\n\u{9b}\u{7f}\u{fc}", byWorker: false)
    #expect(page.contains(#"status file a\x1b[2J\x0a\x9b\x7f\#u{fc}"# + "\n"))
  }

  @Test func `what is quiet needs no line`() throws {
    let page = try Reading(SampleStatus().snapshot(), at: 1).table(since: nil, now: 0, file: "f", byWorker: false)
    for word in ["alert", "troubles", "ended", "worker "] { #expect(!page.contains(word), "\(word) in \(page)") }
  }

  @Test(arguments: [
    (ProgramState.starting, "is starting, for"), (.running, "is serving, for"), (.draining, "is DRAINING, for"),
    (.ended, "has ENDED,"),
  ])
  func `the first line says what it does`(state: ProgramState, words: String) throws {
    let status = try SampleStatus()
    status.ledger.enter(state)
    let page = try Reading(status.snapshot(), at: 1).table(since: nil, now: 0, file: "f", byWorker: false)
    #expect(page.prefix { $0 != "\n" }.contains(words))
  }
}
