import Load

/// The three ways to one server by turns, in several rounds.
struct HandoffComparison {
  let bench: Bench
  let programs: Programs
  let server: NginxServer
  let works: [HandoffWork]
  let scale: Scale
  let rounds: Int
  let progress: (String) -> Void

  /// Who begins changes from round to round, and each turn has a proxy that has just been started.
  func run() throws(Failure) -> [HandoffMeasurement] {
    var measurements: [HandoffMeasurement] = []
    let begun = now()
    for round in 0..<rounds {
      let seconds = Double(now() - begun) / 1e9
      if round > 0, seconds / Double(round) * Double(round + 1) > Self.longest {
        progress("no more rounds: \(round) took \(Int(seconds)) seconds")
        break
      }
      progress("round \(round + 1) of \(rounds)")
      for work in works {
        for place in Way.allCases.indices {
          let way = Way.allCases[(place + round) % Way.allCases.count]
          let turn = try bench.repeats.leastDisturbed { () throws(Failure) in try self.turn(way, work) }
          measurements.append(HandoffMeasurement(work: work, way: way, round: round, turn: turn))
        }
      }
    }
    return measurements
  }

  private func turn(_ way: Way, _ work: HandoffWork) throws(Failure) -> Turn {
    // A direct client has a proxy beside it too, which does nothing.
    let proxy = try RunningProxy(.ours, of: programs, bench: bench, cores: bench.proxyCores)
    defer { proxy.stop() }
    let meter =
      way == .direct
      ? Meter(processes: [], besides: server.processes + proxy.processes)
      : Meter(processes: proxy.processes, besides: server.processes)
    do throws(Failure) {
      let route = try server.route(way, through: proxy)
      return try work.measure(over: route, meter: meter, scale: scale, corpus: bench.corpus)
    } catch {
      throw Failure("\(way.title), \(work.title): \(error)")
    }
  }

  /// No round is begun that would end after so many seconds.
  private static let longest = 200.0
}

struct HandoffMeasurement: Codable {
  let work: HandoffWork
  let way: Way
  let round: Int
  let turn: Turn
}
