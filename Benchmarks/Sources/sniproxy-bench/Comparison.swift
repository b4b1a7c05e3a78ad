import Load

/// All programs by turns, in several rounds.
struct Comparison {
  let bench: Bench
  let programs: Programs
  let competitors: [Program]
  let works: [Work]
  let scale: Scale
  let rounds: Int
  let progress: (String) -> Void

  /// In each round, for each work, all programs take their turns; who begins changes from round to round, so that what
  /// disturbs the machine for a while hits all alike. Each turn has a program that has just been started: none has
  /// memory or habits of the work before.
  func run() throws(Failure) -> [Measurement] {
    for program in competitors { try check(program) }
    var measurements: [Measurement] = []
    let begun = now()
    for round in 0..<rounds {
      let seconds = Double(now() - begun) / 1e9
      if round > 0, seconds / Double(round) * Double(round + 1) > Self.longest {
        progress("no more rounds: \(round) took \(Int(seconds)) seconds")
        break
      }
      for work in works {
        progress("round \(round + 1) of \(rounds): \(work.title)")
        for place in competitors.indices {
          let program = competitors[(place + round) % competitors.count]
          let turn = try bench.repeats.leastDisturbed { () throws(Failure) in try self.turn(of: program, at: work) }
          measurements.append(Measurement(work: work, program: program.name, round: round, turn: turn))
        }
      }
    }
    return measurements
  }

  private func turn(of program: Program, at work: Work) throws(Failure) -> Turn {
    let proxy = try RunningProxy(program, of: programs, bench: bench, cores: bench.proxyCores)
    defer { proxy.stop() }
    do throws(Failure) {
      return try work.measure(over: bench.route(to: proxy.port), meter: proxy.meter, scale: scale)
    } catch {
      throw Failure("\(program.name), \(work.title): \(error)")
    }
  }

  /// No round is begun that would end after so many seconds. Five take some 330 on the machine that this was made on.
  private static let longest = 540.0

  /// What arrives is what was sent, byte by byte, in both directions. While it is measured only counts are compared.
  private func check(_ program: Program) throws(Failure) {
    let proxy = try RunningProxy(program, of: programs, bench: bench, cores: bench.proxyCores)
    defer { proxy.stop() }
    do throws(Failure) {
      for direction in [Streams.Direction.download, .upload] {
        _ = try Streams(direction, sessions: 4, checking: true)
          .run(over: bench.route(to: proxy.port), meter: proxy.meter, warmUp: 0, seconds: 0.1)
      }
    } catch {
      throw Failure("\(program.name), compared byte by byte: \(error)")
    }
  }
}

/// Time to make disturbed measurements again; without an end to it a busy machine would keep a run for ever.
final class Repeats {
  private var left: Double

  init(seconds: Double) {
    left = seconds
  }

  /// A measurement that others disturb is made again, twice at most; the least disturbed counts.
  func leastDisturbed(_ measure: () throws(Failure) -> Turn) throws(Failure) -> Turn {
    var best = try measure()
    for _ in 0..<2 where best.isDisturbed && left > 0 {
      let begun = now()
      let again = try measure()
      if again.othersShare < best.othersShare { best = again }
      left -= Double(now() - begun) / 1e9
    }
    return best
  }
}

/// The median of a figure over the turns that others did not disturb, if there are such.
func quietMedian(_ figure: Figure, _ turns: [Turn]) -> Double? {
  let quiet = turns.filter { !$0.isDisturbed }
  return median((quiet.isEmpty ? turns : quiet).compactMap { $0.figures[figure] })
}

struct Measurement: Codable {
  let work: Work
  let program: String
  let round: Int
  let turn: Turn
}
