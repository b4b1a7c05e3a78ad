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
    [try idleSessions(), try hostDirectories(), try workers()]
  }

  private func measure(_ work: Work, over route: Route, by proxy: RunningProxy) throws(Failure) -> Turn {
    try leastDisturbed { () throws(Failure) in try work.measure(over: route, meter: proxy.meter, scale: scale) }
  }

  /// Open sessions that do nothing, beside busy ones.
  private func idleSessions() throws(Failure) -> GrowthCheck {
    // Each takes two descriptors here and two in the proxy.
    let count = min(8000, (bench.descriptors - 1000) / 2)
    progress("growth: \(count) idle sessions")
    var series: [(work: Work, figure: Figure, before: [Double], after: [Double])] = [
      (.pingPong64, .exchanges, [], []), (.pingPong64, .cpuPerExchange, [], []), (.download1, .speed, [], []),
    ]
    for _ in 0..<rounds {
      for idle in [0, count] {
        let proxy = try RunningProxy(.ours, of: programs, bench: bench, cores: bench.proxyCores)
        defer { proxy.stop() }
        let route = bench.route(to: proxy.port)
        let open = try Sessions(idle, over: route)
        for work in [Work.pingPong64, .download1] {
          let turn = try measure(work, over: route, by: proxy)
          for index in series.indices where series[index].work == work {
            let value = turn.figures[series[index].figure]!
            if idle == 0 { series[index].before.append(value) } else { series[index].after.append(value) }
          }
        }
        withExtendedLifetime(open) {}
      }
    }
    let figures = series.map { series in
      GrowthCheck.Value(
        name: "\(series.work.title), \(series.figure.rawValue)", series.before, series.after,
        bound: series.figure.moreIsBetter ? .atLeast(0.95) : .atMost(1.05), decimals: series.figure.decimals)
    }
    let remarks = count < 8000 ? ["fewer than 8,000, since the descriptor limit is \(bench.descriptors)"] : []
    return GrowthCheck(
      title: "none, and \(count) idle sessions beside the busy ones", figures: figures, remarks: remarks)
  }

  /// Directories to look a name up in, which is asked for in random order.
  private func hostDirectories() throws(Failure) -> GrowthCheck {
    progress("growth: 100000 host directories")
    let (few, many) = (10, 100_000)
    var costs: [Int: [Double]] = [:]
    for _ in 0..<rounds {
      for count in [few, many] {
        let proxy = try RunningProxy(.ours, of: programs, bench: bench, cores: bench.proxyCores, hosts: count)
        defer { proxy.stop() }
        let route = try bench.route(to: proxy.port, names: count)
        let turn = try measure(.connections, over: route, by: proxy)
        costs[count, default: []].append(turn.figures[.cpuPerConnection]!)
      }
    }
    let cost = GrowthCheck.Value(
      name: Figure.cpuPerConnection.rawValue, costs[few]!, costs[many]!, bound: .atMost(1.05), decimals: 2)
    return GrowthCheck(title: "10 and 100,000 host directories", figures: [cost], remarks: [])
  }

  /// One worker and two, both free to run on the same two cores.
  private func workers() throws(Failure) -> GrowthCheck {
    progress("growth: two workers")
    let cores = bench.twoCores
    var series: [Work: [Int: [Double]]] = [.pingPong64: [:], .connections: [:]]
    for _ in 0..<rounds {
      for workers in [1, 2] {
        for work in [Work.pingPong64, .connections] {
          let proxy = try RunningProxy(.ours, of: programs, bench: bench, cores: cores, workers: workers)
          defer { proxy.stop() }
          let turn = try measure(work, over: bench.route(to: proxy.port), by: proxy)
          let figure = work == .connections ? Figure.cpuPerConnection : .cpuPerExchange
          series[work]![workers, default: []].append(turn.figures[figure]!)
        }
      }
    }
    let figures = [Work.pingPong64, .connections].map { work in
      GrowthCheck.Value(
        name: "\(work.title), CPU us each", series[work]![1]!, series[work]![2]!, bound: .atMost(1.05), decimals: 2)
    }
    let shared = cores & bench.loadCores != 0
    return GrowthCheck(
      title: "one worker, and two, on the same two cores", figures: figures,
      remarks: shared ? ["with two cores in all, the load is on one of them"] : [])
  }
}

/// A figure with little and with much.
struct GrowthCheck: Codable {
  let title: String
  let figures: [Value]
  let remarks: [String]

  struct Value: Codable {
    let name: String
    let before: Double
    let after: Double
    let ratio: Double
    let wanted: String
    let isMet: Bool
    let decimals: Int

    enum Bound {
      case atLeast(Double)
      case atMost(Double)
    }

    init(name: String, _ before: [Double], _ after: [Double], bound: Bound, decimals: Int) {
      self.name = name
      self.decimals = decimals
      self.before = median(before) ?? 0
      self.after = median(after) ?? 0
      ratio = self.after / self.before
      switch bound {
      case .atLeast(let least): (wanted, isMet) = ("at least \(least)", ratio >= least)
      case .atMost(let most): (wanted, isMet) = ("at most \(most)", ratio <= most)
      }
    }
  }
}
