import Status
import Wire

/// The parts of what a person sees, each as lines of `width` columns where their words allow it. Rates are those since an earlier reading.
struct Sections {
  let reading: Reading
  let earlier: Reading?
  /// Nanoseconds since 1970.
  let now: Int64
  var width = 80

  private var snapshot: Snapshot { reading.snapshot }
  private var total: Counts { snapshot.total }

  /// Whether it serves, and since when.
  var headline: String {
    let who = "sniproxy \(snapshot.program), process \(snapshot.process),"
    return switch snapshot.condition {
    case .starting: "\(who) is starting, for \(age(snapshot.startedAt))"
    case .serving: "\(who) is serving, for \(age(snapshot.startedAt))"
    case .draining: "\(who) is DRAINING, for \(age(snapshot.stateSince))"
    case .ended: "\(who) has ENDED, \(age(snapshot.stateSince)) ago"
    case .dead: "\(who) is DEAD, for \(age(snapshot.lastTurn ?? snapshot.startedAt)) or less"
    }
  }

  var dates: String {
    let start = "started \(localTime(snapshot.startedAt))"
    return switch snapshot.condition {
    case .starting, .serving: start
    case .draining: "\(start), stopped accepting \(localTime(snapshot.stateSince))"
    case .ended: "\(start), ended \(localTime(snapshot.stateSince))"
    case .dead: "\(start), last sign of life \(localTime(snapshot.lastTurn ?? snapshot.startedAt))"
    }
  }

  /// Who is there.
  var connections: [String] {
    guard snapshot.isAlive else { return [] }
    let receiver = total.now(.handingOver)
    let stages =
      [
        ("relaying", total.now(.relaying)), ("waiting for hello", total.now(.waitingForHello)),
        ("for backend", total.now(.waitingForBackend)),
      ] + (receiver > 0 ? [("for receiver", receiver)] : []) + [("closing", total.now(.closing))]
    let limit = snapshot.limits.maxConnections
    let ofLimit = limit > 0 ? " of \(Quantity.count(UInt64(limit)))" : ""
    var lines = list("open \(Quantity.count(total.open))\(ofLimit)", stages)
    let paused = total.now(.atLimit) &+ total.now(.afterError)
    if paused > 0 { lines.append("NEW CLIENTS WAIT at \(paused) of \(workers(snapshot.workers.count))") }
    return lines
  }

  /// How much went through.
  var flow: [String] {
    [
      row("", "in all", "per second"),
      row("accepted", total, \.accepted),
      row("relayed", total, \.relayed),
    ] + (total.handedOver > 0 ? [row("handed over", total, \.handedOver)] : []) + [
      row("refused", total, \.refused),
      row("bytes to backends", bytes: \.uploaded),
      row("bytes to clients", bytes: \.downloaded),
    ]
  }

  /// The most frequent first.
  ///
  /// - Parameter byRate: the most frequent now
  func refusals(most: Int = .max, byRate: Bool = false) -> [String] {
    let kinds = Refusal.Kind.allCases.filter { total.refused($0) > 0 }.map { kind in
      (kind, total.refused(kind), reading.rate(since: earlier) { $0.refused(kind) })
    }
    let ordered = kinds.sorted { one, other in
      (byRate ? one.2 ?? 0 : 0, one.1) > (byRate ? other.2 ?? 0 : 0, other.1)
    }
    guard !ordered.isEmpty else { return [] }
    let rows = ordered.prefix(most).map { kind, count, rate in
      let alert = kind.alert.map { "alert \($0.rawValue)" } ?? "no alert"
      return row("\(kind.key), \(alert)", Quantity.count(count), rate.map(Quantity.rate) ?? "")
    }
    return [row("refused, by reason", "in all", "per second")] + rows
  }

  /// How long connections took to come to their backends.
  ///
  /// - Parameter span: what the times are of: "since the start"
  func times(_ span: String) -> [String] {
    let rows = Step.allCases.map { step in
      let times = reading.times(step, since: earlier)
      let shares = [0.5, 0.9, 0.99].map { Quantity.quantile(times.quantile($0)) }
      return line(Self.name(step), 24, shares + [Quantity.count(times.count)], 14)
    }
    return [line("times, \(span)", 24, ["median", "90 %", "99 %", "times"], 14)] + rows
  }

  /// How those that were relayed ended.
  var ends: [String] {
    let ends = RelayEnd.allCases.map { (Self.name($0), total.ended($0)) }
    return list("ended", (ends + [("cut in all at the stop", total.cutAtStop)]).filter { $0.1 > 0 })
  }

  /// What an administrator may have to do something about.
  ///
  /// - Parameter recent: only of those that came since the earlier reading
  func troubles(recent: Bool = false) -> [String] {
    let before = earlier.map(Self.troubles)
    let now = Self.troubles(reading)
    return list(
      "troubles",
      now.enumerated().filter { $1.1 > 0 && !(recent && before?[$0].1 == $1.1) }.map(\.element))
  }

  private static func troubles(_ reading: Reading) -> [(String, UInt64)] {
    let (snapshot, total) = (reading.snapshot, reading.snapshot.total)
    return [
      ("accepting paused at the limit", total.troubles(.limit)),
      ("accepting failed", total.troubles(.error)),
      ("clients gone before they were accepted", total.troubles(.gone)),
      ("handed over, and not taken", total.droppedByReceivers),
      ("no pipe to be had", total.missingPipes),
      ("log lines lost", snapshot.lines(.lost)),
      ("log lines left out", snapshot.lines(.leftOut)),
      ("access lines lost", snapshot.lines(.accessLost)),
    ]
  }

  /// A line for each worker.
  var byWorker: [String] {
    let heads = ["open", "accepted", "refused", "to backends", "to clients", "last turn"]
    let rows = snapshot.workers.enumerated().map { number, counts in
      let turn = snapshot.startedAt + counts.lastTurn - snapshot.startedOnClock
      let cells = [
        snapshot.isAlive ? Quantity.count(counts.open) : "-", Quantity.count(counts.accepted),
        Quantity.count(counts.refused), Quantity.bytes(Double(counts.uploaded)),
        Quantity.bytes(Double(counts.downloaded)), counts.lastTurn > 0 ? age(turn) : "-",
      ]
      return line("\(number)", 6, cells, 12)
    }
    return [line("worker", 6, heads, 12)] + rows
  }

  private func row(_ label: String, _ cells: String...) -> String {
    line(label, 48, cells, 16)
  }

  /// Where there is no room for all, columns get narrower, and the last ones are left out: half a figure is another one.
  private func line(_ label: String, _ broadest: Int, _ cells: [String], _ each: Int) -> String {
    let narrow = broadest + cells.count * each > width
    let each = narrow ? min(each, Self.narrowest) : each
    let least = min(broadest, Self.longestLabel)
    let count = min(cells.count, max(0, width - least) / each)
    let rest = narrow ? min(broadest, max(least, width - count * each)) : broadest
    return label.padded(to: rest) + cells.prefix(count).map { $0.leading(to: each) }.joined()
  }

  /// "pre_shared_key_not_last, alert 47", and a number of nine digits in groups.
  private static let longestLabel = 33
  private static let narrowest = 12

  private func row(_ label: String, _ counts: Counts, _ value: (Counts) -> UInt64) -> String {
    row(label, Quantity.count(value(counts)), reading.rate(since: earlier, value).map(Quantity.rate) ?? "")
  }

  private func row(_ label: String, bytes value: (Counts) -> UInt64) -> String {
    row(
      label, Quantity.bytes(Double(value(total))), reading.rate(since: earlier, value).map(Quantity.bytes) ?? "")
  }

  /// "label: a 1, b 2", in as many lines as it takes.
  private func list(_ label: String, _ items: [(String, UInt64)]) -> [String] {
    var lines: [String] = []
    for (name, count) in items {
      let item = "\(name) \(Quantity.count(count))"
      if let last = lines.last, last.count + item.count + 3 <= width {
        lines[lines.count - 1] = "\(last), \(item)"
      } else if lines.isEmpty {
        lines = ["\(label): \(item)"]
      } else {
        lines[lines.count - 1] += ","
        lines.append("  \(item)")
      }
    }
    return lines
  }

  private func age(_ moment: Int64) -> String { Quantity.age(Double(now - moment) / 1e9) }

  private static func name(_ step: Step) -> String {
    switch step {
    case .hello: "accept to hello"
    case .lookUp: "look-up"
    case .connect: "connect to backend"
    }
  }

  private static func name(_ end: RelayEnd) -> String {
    switch end {
    case .finished: "finished"
    case .resetByClient: "reset by client"
    case .resetByBackend: "reset by backend"
    case .shortage: "cut by a shortage"
    case .stop: "cut at the stop"
    }
  }
}

func workers(_ count: Int) -> String { count == 1 ? "1 worker" : "\(count) workers" }

extension String {
  /// With spaces after it.
  func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }

  /// With spaces before it.
  func leading(to width: Int) -> String { String(repeating: " ", count: max(0, width - count)) + self }
}
