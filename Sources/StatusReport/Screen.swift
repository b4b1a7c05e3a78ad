import Status

extension History {
  /// The live view, of at most `height` lines of `width` columns. What is less important gives way first.
  ///
  /// - Parameters:
  ///   - now: nanoseconds since 1970
  ///   - isUnicode: see `Chart`
  package func screen(width: Int, height: Int, now: Int64, file: String, isUnicode: Bool) -> [String] {
    guard width > 0, height > 0 else { return [] }
    let told = failure.map { "cannot read \(printable(file)): \($0)".wrapped(to: width) } ?? []
    let lines =
      latest.map { page($0, width, height - told.count, now, isUnicode) } ?? ["sniproxy-status: nothing is known yet"]
    return (lines.prefix(1) + told + lines.dropFirst()).prefix(height).map { $0.fitted(to: width) }
  }

  private func page(_ reading: Reading, _ width: Int, _ height: Int, _ now: Int64, _ isUnicode: Bool) -> [String] {
    let sections = Sections(reading: reading, earlier: previous, now: now, width: width)
    let slow = Sections(reading: reading, earlier: minuteAgo, now: now, width: width)
    let times = slow.times("last minute")
    let refusals = sections.refusals(most: height < 30 ? 3 : 5, byRate: true)
    var page = [sections.headline.beside("q: quit", width: width)] + sections.connections
    var room = height - page.count

    func take(_ part: [String]) -> [String] {
      guard !part.isEmpty, part.count < room else { return [] }
      room -= part.count + 1
      return [""] + part
    }
    // In the order of their importance; the chart gets what is left, within reason.
    let flow = take(sections.flow)
    let least = take([String](repeating: "", count: 1 + Self.lowestChart))
    let top = take(refusals)
    let troubles = take(slow.troubles(recent: true))
    let waits = take(times)
    let rows = least.isEmpty ? 0 : min(Self.lowestChart + max(0, room), Self.highestChart)
    page += flow
    if rows > 0 {
      let chart = Chart(throughput, width: width, height: rows, isUnicode: isUnicode)
      let scale = "at most \(Quantity.bytes(chart.greatest)) per second"
      page += ["", "throughput both ways".beside(scale, width: width)] + chart.rows
    }
    return page + top + waits + troubles
  }

  private static let lowestChart = 3
  private static let highestChart = 12
}

extension String {
  /// With another text at the right edge, if there is room for both.
  fileprivate func beside(_ other: String, width: Int) -> String {
    let room = width - count - other.count
    return room < 2 ? self : self + String(repeating: " ", count: room) + other
  }

  /// In lines that end with a word, if it is no longer than they may be.
  fileprivate func wrapped(to width: Int) -> [String] {
    split(separator: " ").reduce(into: []) { lines, word in
      if let last = lines.last, last.count + 1 + word.count <= width {
        lines[lines.count - 1] += " \(word)"
      } else {
        lines.append(String(word))
      }
    }
  }

  /// With a sign where its end is cut off.
  fileprivate func fitted(to width: Int) -> String { count <= width ? self : String(prefix(width - 1)) + ">" }
}
