import Foundation
import Load

/// What hand-off brings, measured, and with what.
struct HandoffResults: Codable {
  let date: String
  let command: String
  let kernel: String
  let processor: String
  let nginx: String
  let rounds: Int
  let measurements: [HandoffMeasurement]

  var works: [HandoffWork] {
    HandoffWork.allCases.filter { work in measurements.contains { $0.work == work } }
  }

  func figures(of work: HandoffWork) -> [Figure] {
    Figure.allCases.filter { figure in measurements.contains { $0.work == work && $0.turn.figures[figure] != nil } }
  }

  /// The median over the rounds.
  func figure(_ figure: Figure, of work: HandoffWork, _ way: Way) -> Double? {
    quietMedian(figure, measurements.filter { $0.work == work && $0.way == way }.map(\.turn))
  }

  /// Clients handed over to those of another way: the median of the rounds' ratios. Turns of one round are close to
  /// each other, so that what changes the machine's speed meanwhile is in both.
  func ratio(_ figure: Figure, of work: HandoffWork, to way: Way) -> Double? {
    let rounds = (0..<rounds).compactMap { round -> (isDisturbed: Bool, ratio: Double)? in
      let turns = measurements.filter { $0.work == work && $0.round == round }
      guard let ours = turns.first(where: { $0.way == .handedOver })?.turn,
        let other = turns.first(where: { $0.way == way })?.turn,
        let value = ours.figures[figure], let reference = other.figures[figure]
      else { return nil }
      // Nothing is as much as nothing.
      let ratio = value == reference ? 1 : value / reference
      return (ours.isDisturbed || other.isDisturbed, value == 0 ? 0 : ratio)
    }
    let quiet = rounds.filter { !$0.isDisturbed }
    return median((quiet.isEmpty ? rounds : quiet).map(\.ratio))
  }

  /// Whether the load's core was full, so that the server could have gone faster.
  func isBoundByLoad(_ work: HandoffWork, _ way: Way) -> Bool {
    let turns = measurements.filter { $0.work == work && $0.way == way }.map(\.turn)
    return (median(turns.map(\.loadShare)) ?? 0) > 0.96
  }

  /// The part of all measurements that others disturbed.
  var disturbance: Double {
    Double(measurements.count { $0.turn.isDisturbed }) / Double(max(1, measurements.count))
  }
}
