/// Values over time as columns of characters, the latest at the right.
package struct Chart {
  /// The rows from the top down, each as wide as asked. The greatest value that is shown fills its column.
  package let rows: [String]
  package let greatest: Double

  /// - Parameters:
  ///   - values: the oldest first; nil where nothing is known. What does not fit is left out at the left.
  ///   - isUnicode: with block elements, eight steps a row; else with `.`, `:` and `#`
  package init(_ values: [Double?], width: Int, height: Int, isUnicode: Bool) {
    let shown = Array(values.suffix(max(0, width)))
    let greatest = shown.reduce(0) { max($0, $1 ?? 0) }
    let steps = isUnicode ? Self.blocks : Self.letters
    let heights = shown.map { value in
      guard let value, value > 0, greatest > 0 else { return 0 }
      return max(1, Int((value / greatest * Double(height * (steps.count - 1))).rounded()))
    }
    let margin = String(repeating: " ", count: max(0, width - shown.count))
    rows = (0..<max(0, height)).reversed().map { row in
      margin
        + heights.map { steps[min(max($0 - row * (steps.count - 1), 0), steps.count - 1)] }.joined()
    }
    self.greatest = greatest
  }

  private static let blocks = [" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"]
  private static let letters = [" ", ".", ":", "#"]
}
