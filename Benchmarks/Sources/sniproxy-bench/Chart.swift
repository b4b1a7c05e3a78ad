import Foundation

/// The ratios as a picture: for each figure all programs on a line, the best of the others at 1, better to the right.
struct Chart {
  let results: Results

  var svg: String {
    let rows = rows
    let scale = Axis(rows.flatMap { $0.points.map(\.goodness) + [$0.wanted].compactMap(\.self) })
    let height = Layout.top + bottom(of: rows) + Layout.foot
    return
      ([opening(height)] + [background(height)] + heading + grid(scale, below: bottom(of: rows))
      + rows.flatMap { draw($0, scale) } + foot(height) + ["</svg>", ""]).joined(separator: "\n")
  }

  /// One figure of one work. Goodness is the ratio to the best of the others, turned so that more is better.
  struct Row {
    let work: Work
    let figure: Figure
    let isFirst: Bool
    let y: Double
    let points: [Point]
    let wanted: Double?
  }

  struct Point {
    let program: Program
    let goodness: Double
  }

  var rows: [Row] {
    var rows: [Row] = []
    var y = 0.0
    for work in results.works {
      var isFirst = true
      for target in work.targets where target.isRatio {
        guard let best = results.best(target.figure, of: work)?.value else { continue }
        let points = results.programs.compactMap(Program.named).compactMap { program -> Point? in
          guard let value = results.figure(target.figure, of: work, by: program.name), value > 0 else { return nil }
          return Point(program: program, goodness: target.figure.moreIsBetter ? value / best : best / value)
        }
        y += isFirst ? Layout.row + Layout.gap : Layout.row
        rows.append(
          Row(
            work: work, figure: target.figure, isFirst: isFirst, y: Layout.top + y, points: points,
            wanted: target.goodness))
        isFirst = false
      }
    }
    return rows
  }

  private func bottom(of rows: [Row]) -> Double {
    (rows.last?.y ?? Layout.top) - Layout.top + Layout.row
  }

  // MARK: What is drawn

  private func draw(_ row: Row, _ axis: Axis) -> [String] {
    var lines: [String] = []
    if row.isFirst {
      let y = row.y - Layout.row / 2 - Layout.gap / 2
      lines.append(#"<path class="rule" d="M\#(n(Layout.margin)) \#(n(y))H\#(n(Layout.width - Layout.margin))"/>"#)
      lines.append(text(Layout.margin, row.y + 5, row.work.shortTitle, "work"))
    }
    lines.append(text(Layout.figure, row.y + 5, row.figure.title, "small"))
    if let wanted = row.wanted {
      lines.append(#"<path class="wanted" d="M\#(n(axis.x(wanted))) \#(n(row.y - 9))v18"/>"#)
    }
    // Ours last, so that it is on top.
    for point in row.points.filter({ $0.program != .ours }) + row.points.filter({ $0.program == .ours }) {
      lines.append(mark(point.program, axis.x(point.goodness), row.y))
    }
    if let ours = row.points.first(where: { $0.program == .ours }) {
      let bound = row.figure.moreIsBetter && results.isBoundByLoad(row.work, by: Program.ours.name) ? "*" : ""
      let number = times(ours.goodness) + bound
      lines.append(text(Layout.width - Layout.margin, row.y + 5, number, "number", "text-anchor=\"end\""))
    }
    return lines
  }

  private func mark(_ program: Program, _ x: Double, _ y: Double) -> String {
    switch program.name {
    case "sniproxy": #"<circle class="ours" cx="\#(n(x))" cy="\#(n(y))" r="6.5"/>"#
    case "haproxy": #"<circle class="haproxy hollow" cx="\#(n(x))" cy="\#(n(y))" r="5"/>"#
    case "haproxy-splice": #"<path class="haproxy hollow" d="M\#(n(x - 6)) \#(n(y + 4.5))h12l-6 -10.5z"/>"#
    case "haproxy-tuned": #"<circle class="haproxy full" cx="\#(n(x))" cy="\#(n(y))" r="5"/>"#
    case "nginx": #"<rect class="nginx hollow" x="\#(n(x - 4.5))" y="\#(n(y - 4.5))" width="9" height="9"/>"#
    case "nginx-tuned": #"<rect class="nginx full" x="\#(n(x - 4.5))" y="\#(n(y - 4.5))" width="9" height="9"/>"#
    default: #"<path class="old full" d="M\#(n(x)) \#(n(y - 6))l6 6l-6 6l-6 -6z"/>"#
    }
  }

  private var heading: [String] {
    var lines = [
      text(Layout.margin, 40, "sniproxy compared with other programs", "text", "font-size=\"20\" font-weight=\"600\""),
      text(
        Layout.margin, 64,
        "Each line: the best of the others is at 1, and better is to the right (the scale is logarithmic).",
        "small"),
    ]
    var x = Layout.margin + 8
    for program in results.programs.compactMap(Program.named) {
      lines.append(mark(program, x, 92))
      lines.append(text(x + 12, 97, program.title, program == .ours ? "number" : "small"))
      x += 32 + width(of: program.title) * (program == .ours ? 1.2 : 1)
    }
    lines.append(#"<path class="wanted" d="M\#(n(x)) 83v18"/>"#)
    lines.append(text(x + 10, 97, "aim", "small"))
    return lines
  }

  private func grid(_ axis: Axis, below rows: Double) -> [String] {
    let (top, bottom) = (Layout.top + 16, Layout.top + rows)
    let better = axis.x(1)
    var lines = [
      #"<rect class="better" x="\#(n(better))" y="\#(n(top))" width="\#(n(Layout.right - better))" "#
        + #"height="\#(n(bottom - top))"/>"#
    ]
    for tick in axis.ticks {
      let x = axis.x(tick)
      lines.append(#"<path class="\#(tick == 1 ? "one" : "grid")" d="M\#(n(x)) \#(n(top))V\#(n(bottom))"/>"#)
      lines.append(text(x, top - 8, Axis.label(tick), "tick", "text-anchor=\"middle\""))
    }
    return lines
  }

  private func foot(_ height: Double) -> [String] {
    let versions = [Program.Kind.ours, .haproxy, .nginx, .sniproxy06].compactMap { kind -> String? in
      guard let program = Program.all.first(where: { $0.kind == kind }),
        let version = results.versions.first(where: { $0.program == program.name })?.version
      else { return nil }
      // Without what the packager has added.
      let short = version.prefix { $0 != "-" }
      return kind == .sniproxy06 ? "sniproxy \(short)" : "\(program.title) \(short)"
    }
    let rounds = results.rounds == 1 ? "One round" : "Medians of \(results.rounds) rounds"
    let bound = rows.contains { $0.figure.moreIsBetter && results.isBoundByLoad($0.work, by: Program.ours.name) }
    let lines = [
      "\(rounds), one worker on one core, the load on another, the same backend on a Unix socket."
        + (bound ? " * the load could not go faster" : ""),
      "\(versions.joined(separator: " · ")) · \(results.kernel) · \(results.date) · \(results.command)",
    ]
    return lines.enumerated().map { text(Layout.margin, height - 42 + 20 * Double($0), $1, "tick") }
  }

  /// For those who do not see it, what it says.
  private var description: String {
    rows.compactMap { row in
      guard let ours = row.points.first(where: { $0.program == .ours }) else { return nil }
      return "\(row.work.shortTitle), \(row.figure.title): \(times(ours.goodness)) as good as the best of the others."
    }.joined(separator: " ")
  }

  private func opening(_ height: Double) -> String {
    """
    <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(n(Layout.width)) \(n(height))" role="img"
      aria-labelledby="title desc" font-family="system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif" font-size="15">
      <title id="title">sniproxy compared with other programs</title>
      <desc id="desc">\(escaped(description))</desc>
      <style>
        .card { fill: #f6f8fa }
        .better { fill: #ddf4ff; opacity: .6 }
        .text { fill: #1f2328 }
        .work { fill: #1f2328; font-size: 14px; font-weight: 600 }
        .small { fill: #57606a; font-size: 13px }
        .tick { fill: #57606a; font-size: 12px }
        .number { fill: #0969da; font-size: 14px; font-weight: 600 }
        .rule, .grid { stroke: #d0d7de; stroke-width: 1 }
        .one { stroke: #57606a; stroke-width: 1.5 }
        .wanted { stroke: #0969da; stroke-width: 2; stroke-dasharray: 3 2 }
        .ours { fill: #0969da; stroke: #f6f8fa; stroke-width: 1.5 }
        .haproxy { stroke: #bc4c00; fill: #bc4c00; stroke-width: 1.6 }
        .nginx { stroke: #1a7f37; fill: #1a7f37; stroke-width: 1.6 }
        .old { stroke: #6e7781; fill: #6e7781; stroke-width: 1.6 }
        .hollow { fill: none }
        .full { fill-opacity: .85 }
        @media (prefers-color-scheme: dark) {
          .card { fill: #0d1117 }
          .better { fill: #0c2d4d }
          .text, .work { fill: #e6edf3 }
          .small, .tick { fill: #9198a1 }
          .number { fill: #79c0ff }
          .rule, .grid { stroke: #30363d }
          .one { stroke: #9198a1 }
          .wanted { stroke: #58a6ff }
          .ours { fill: #58a6ff; stroke: #0d1117 }
          .haproxy { stroke: #f0883e; fill: #f0883e }
          .nginx { stroke: #3fb950; fill: #3fb950 }
          .old { stroke: #9198a1; fill: #9198a1 }
          .hollow { fill: none }
        }
      </style>
    """
  }

  private func background(_ height: Double) -> String {
    #"<rect class="card" width="\#(n(Layout.width))" height="\#(n(height))" rx="10"/>"#
  }

  private func text(_ x: Double, _ y: Double, _ text: String, _ style: String, _ more: String = "") -> String {
    #"<text class="\#(style)" x="\#(n(x))" y="\#(n(y))"\#(more.isEmpty ? "" : " " + more)>\#(escaped(text))</text>"#
  }

  /// About how wide small text is: nobody knows the reader's font.
  private func width(of text: String) -> Double {
    text.reduce(0) { $0 + ("iljtrf-.,: ".contains($1) ? 4.8 : $1.isUppercase ? 9 : 7.9) }
  }

  private func times(_ goodness: Double) -> String {
    String(format: goodness < 10 ? "%.2f times" : "%.0f times", goodness)
  }

  private func escaped(_ text: String) -> String {
    text.replacing("&", with: "&amp;").replacing("<", with: "&lt;")
  }

  /// Numbers with at most one decimal.
  private func n(_ value: Double) -> String {
    let rounded = (value * 10).rounded() / 10
    return rounded == rounded.rounded() ? String(Int(rounded)) : String(rounded)
  }
}
