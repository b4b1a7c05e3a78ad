import Foundation

/// Where things are on the chart.
enum Layout {
  static let width = 880.0
  static let margin = 24.0
  static let figure = 246.0
  static let left = 398.0
  static let right = 756.0
  static let top = 112.0
  static let row = 25.0
  static let gap = 11.0
  static let foot = 70.0
}

/// Powers of two around all that is shown.
struct Axis {
  let low: Int
  let high: Int

  init(_ values: [Double]) {
    let logarithms = values.map { log2($0) }
    low = min(-1, Int(((logarithms.min() ?? 0) - 0.1).rounded(.down)))
    high = max(1, Int(((logarithms.max() ?? 0) + 0.1).rounded(.up)))
  }

  var ticks: [Double] { (low...high).map { pow(2, Double($0)) } }

  func x(_ value: Double) -> Double {
    Layout.left + (log2(value) - Double(low)) / Double(high - low) * (Layout.right - Layout.left)
  }

  static func label(_ tick: Double) -> String {
    tick >= 1 ? String(Int(tick)) : "1/\(Int(1 / tick))"
  }
}

extension Target {
  var isRatio: Bool {
    if case .below = bound { false } else { true }
  }

  /// The bound as it is on the chart.
  var goodness: Double? {
    switch bound {
    case .atLeast(let bound): bound
    case .atMost(let bound): 1 / bound
    case .below: nil
    }
  }
}
