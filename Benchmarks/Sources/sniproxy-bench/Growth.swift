import CBench
import Foundation
import Load

/// How sniproxy's cost grows: the same work with little and with much of something, by turns.
struct Growth {
  let bench: Bench
  let programs: Programs
  let scale: Scale
  let rounds: Int
  let progress: (String) -> Void

  func run() throws(Failure) -> [GrowthCheck] {
    [try idleSessions(), try hostDirectories(), try workers(), try halfHellos()]
  }

  /// Open sessions that do nothing, beside busy ones.
  private func idleSessions() throws(Failure) -> GrowthCheck {
    // Each takes two descriptors here and two in the proxy.
    let count = min(8000, (bench.descriptors - 1000) / 2)
    progress("growth: \(count) idle sessions")
    var turns = Turns()
    for _ in 0..<rounds {
      for idle in [0, count] {
        let proxy = try RunningProxy(.ours, of: programs, bench: bench, cores: bench.proxyCores)
        defer { proxy.stop() }
        let route = bench.route(to: proxy.port)
        let open = try Sessions(idle, over: route)
        for work in [Work.pingPong64, .download1] {
          turns.add(try measure(work, over: route, by: proxy), of: work, isMuch: idle > 0)
        }
        withExtendedLifetime(open) {}
      }
    }
    return GrowthCheck(
      title: "\(count) idle sessions beside the busy ones, to none",
      figures: [
        turns.value(.exchanges, of: .pingPong64, .atLeast(0.95)),
        turns.value(.cpuPerExchange, of: .pingPong64, .atMost(1.05)),
        turns.value(.speed, of: .download1, .atLeast(0.95)),
      ],
      turns: turns, remarks: count < 8000 ? ["fewer than 8000, since the descriptor limit is \(bench.descriptors)"] : []
    )
  }

  /// Directories to look a name up in, which is asked for in random order.
  private func hostDirectories() throws(Failure) -> GrowthCheck {
    let (few, many) = (10, 100_000)
    progress("growth: \(many) host directories")
    var turns = Turns()
    for _ in 0..<rounds {
      for count in [few, many] {
        let hosts = try bench.scratch.hosts(count, areLinks: true)
        let proxy = try RunningProxy(.ours, of: programs, bench: bench, cores: bench.proxyCores, hosts: hosts)
        defer { proxy.stop() }
        let route = try bench.route(to: proxy.port, names: count)
        turns.add(try measure(.connections, over: route, by: proxy), of: .connections, isMuch: count == many)
      }
    }
    return GrowthCheck(
      title: "\(many) host directories, to \(few)",
      figures: [turns.value(.cpuPerConnection, of: .connections, .atMost(1.05))], turns: turns, remarks: [])
  }

  /// Both free to run on the same two cores.
  private func workers() throws(Failure) -> GrowthCheck {
    progress("growth: two workers")
    let cores = bench.twoCores
    var turns = Turns()
    for _ in 0..<rounds {
      for workers in [1, 2] {
        for work in [Work.pingPong64, .connections] {
          let proxy = try RunningProxy(.ours, of: programs, bench: bench, cores: cores, workers: workers)
          defer { proxy.stop() }
          turns.add(try measure(work, over: bench.route(to: proxy.port), by: proxy), of: work, isMuch: workers > 1)
        }
      }
    }
    return GrowthCheck(
      title: "two workers, to one, on the same two cores",
      figures: [
        turns.value(.cpuPerExchange, of: .pingPong64, .atMost(1.05)),
        turns.value(.cpuPerConnection, of: .connections, .atMost(1.05)),
      ],
      turns: turns, remarks: cores & bench.loadCores != 0 ? ["with two cores in all, the load is on one of them"] : [])
  }

  /// Thousands of clients that never finish their ClientHello, and more with every fourth honest one.
  private func halfHellos() throws(Failure) -> GrowthCheck {
    let (limit, count) = (2000, 4000)
    progress("growth: \(count) half hellos")
    var turns = Turns()
    for _ in 0..<rounds {
      for hostile in [0, count] {
        let proxy = try RunningProxy(
          .ours, of: programs, bench: bench, cores: bench.proxyCores, options: ["--max-connections", "\(limit)"])
        defer { proxy.stop() }
        let route = bench.route(to: proxy.port)
        let flood = hostile > 0 ? try HalfHellos(hostile, over: route) : nil
        let turn = try measure(.connections, over: route, by: proxy, beside: flood)
        turns.add(turn, of: .connections, isMuch: hostile > 0)
      }
    }
    return GrowthCheck(
      title: "\(count) half hellos, and more all the time, to none, with --max-connections \(limit)",
      figures: [turns.value(.p99, of: .connections, .atMost(1.5))], turns: turns, remarks: [])
  }

  private func measure(
    _ work: Work, over route: Route, by proxy: RunningProxy, beside hostile: HalfHellos? = nil
  ) throws(Failure) -> Turn {
    do {
      return try bench.repeats.leastDisturbed { () throws(Failure) in
        try work.measure(over: route, meter: proxy.meter, scale: scale, beside: hostile)
      }
    } catch {
      throw Failure("growth, \(work.title): \(error)")
    }
  }
}

/// The turns of one check.
private struct Turns {
  private var few: [Work: [Turn]] = [:]
  private var many: [Work: [Turn]] = [:]

  mutating func add(_ turn: Turn, of work: Work, isMuch: Bool) {
    if isMuch { many[work, default: []].append(turn) } else { few[work, default: []].append(turn) }
  }

  var all: [Turn] {
    few.values.flatMap(\.self) + many.values.flatMap(\.self)
  }

  func value(_ figure: Figure, of work: Work, _ bound: GrowthCheck.Bound) -> GrowthCheck.Value {
    let (before, after) = (quietMedian(figure, few[work] ?? []) ?? 0, quietMedian(figure, many[work] ?? []) ?? 0)
    let ratio = after / before
    let (wanted, isMet) =
      switch bound {
      case .atLeast(let least): ("at least \(least)", ratio >= least)
      case .atMost(let most): ("at most \(most)", ratio <= most)
      }
    return GrowthCheck.Value(
      name: "\(work.shortTitle), \(figure.rawValue)", before: before, after: after, ratio: ratio, wanted: wanted,
      isMet: isMet, decimals: figure.decimals)
  }
}

/// What came of a check.
struct GrowthCheck: Codable {
  let title: String
  let figures: [Value]
  /// How many measurements there were, and how many of them others disturbed.
  let turns: Int
  let disturbed: Int
  let remarks: [String]

  fileprivate init(title: String, figures: [Value], turns: Turns, remarks: [String]) {
    self.title = title
    self.figures = figures
    self.turns = turns.all.count
    disturbed = turns.all.count { $0.isDisturbed }
    self.remarks = remarks
  }

  /// A figure with little and with much.
  struct Value: Codable {
    let name: String
    let before: Double
    let after: Double
    let ratio: Double
    let wanted: String
    let isMet: Bool
    let decimals: Int
  }

  enum Bound {
    case atLeast(Double)
    case atMost(Double)
  }
}
