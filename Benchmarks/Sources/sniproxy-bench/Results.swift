import Foundation
import Load

/// All that a run has measured, and with what.
struct Results: Codable {
  let date: String
  let command: String
  let kernel: String
  let processor: String
  /// By the name of the program, ours first.
  let versions: [Version]
  let rounds: Int
  let measurements: [Measurement]
  let growth: [GrowthCheck]

  struct Version: Codable {
    let program: String
    let version: String
  }

  var programs: [String] {
    Program.all.map(\.name).filter { name in measurements.contains { $0.program == name } }
  }

  var works: [Work] {
    Work.allCases.filter { work in measurements.contains { $0.work == work } }
  }

  /// The figures that a work has.
  func figures(of work: Work) -> [Figure] {
    Figure.allCases.filter { figure in
      measurements.contains { $0.work == work && $0.turn.figures[figure] != nil }
    }
  }

  /// The median over the rounds.
  func figure(_ figure: Figure, of work: Work, by program: String) -> Double? {
    quietMedian(figure, turns(of: work, by: program))
  }

  /// Whether the program could have gone faster than the load went.
  func isBoundByLoad(_ work: Work, by program: String) -> Bool {
    let turns = turns(of: work, by: program)
    return (median(turns.map(\.loadShare)) ?? 0) > 0.96 && (median(turns.map(\.proxyShare)) ?? 1) < 0.96
  }

  /// The best of the peers in this one figure.
  func best(_ figure: Figure, of work: Work, among rivals: Target.Rivals = .all) -> (program: Program, value: Double)? {
    let all = programs.compactMap(Program.named).filter(rivals.include)
      .compactMap { program in self.figure(figure, of: work, by: program.name).map { (program: program, value: $0) } }
    return figure.moreIsBetter ? all.max { $0.value < $1.value } : all.min { $0.value < $1.value }
  }

  /// Every target with what came of it.
  func verdicts(of work: Work) -> [Verdict] {
    work.targets.compactMap { target in
      guard let ours = figure(target.figure, of: work, by: Program.ours.name) else { return nil }
      if case .below(let bound) = target.bound {
        return Verdict(target: target, ours: ours, rival: nil, ratio: nil, untunedRatio: nil, isMet: ours <= bound)
      }
      guard let best = best(target.figure, of: work, among: target.rivals) else { return nil }
      let ratio = ours / best.value
      let isMet =
        switch target.bound {
        case .atLeast(let bound): ratio >= bound
        case .atMost(let bound), .below(let bound): ratio <= bound
        }
      let untuned = self.best(target.figure, of: work, among: .untuned)
      return Verdict(
        target: target, ours: ours, rival: best.program, ratio: ratio, untunedRatio: untuned.map { ours / $0.value },
        isMet: isMet)
    }
  }

  /// The part of all measurements that others disturbed.
  var disturbance: Double {
    let disturbed = growth.reduce(measurements.count { $0.turn.isDisturbed }) { $0 + $1.disturbed }
    return Double(disturbed) / Double(max(1, growth.reduce(measurements.count) { $0 + $1.turns }))
  }

  private func turns(of work: Work, by program: String) -> [Turn] {
    measurements.filter { $0.work == work && $0.program == program }.map(\.turn)
  }
}

struct Verdict {
  let target: Target
  let ours: Double
  /// Who is the best of the peers, and our figure by theirs.
  let rival: Program?
  let ratio: Double?
  /// The same against the peers at their default settings only.
  let untunedRatio: Double?
  let isMet: Bool
}
