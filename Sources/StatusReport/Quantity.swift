/// Numbers as people read them. Each is at most some ten characters wide.
package enum Quantity {
  /// 1,234,567; of a billion and more, 12.3 G.
  package static func count(_ count: UInt64) -> String {
    guard count < 1_000_000_000 else { return scaled(Double(count), ["", "k", "M", "G", "T", "P", "E"]) }
    let digits = String(count)
    var text = ""
    for (index, digit) in digits.enumerated() {
      if index > 0, (digits.count - index) % 3 == 0 { text += "," }
      text.append(digit)
    }
    return text
  }

  /// How often in a second: 312.4, 0.2, 12,345.
  package static func rate(_ perSecond: Double) -> String {
    switch perSecond {
    case ..<0.05: perSecond > 0 ? "< 0.1" : "0"
    case ..<999.95: fixed(perSecond, 1)
    default: count(UInt64(min(perSecond, 1e18).rounded()))
    }
  }

  /// 999 B, 1.2 kB, 34.5 MB: powers of 1,000.
  package static func bytes(_ bytes: Double) -> String { scaled(bytes, ["B", "kB", "MB", "GB", "TB", "PB", "EB"]) }

  /// 85 us, 1.2 ms, 4.5 s.
  package static func time(_ seconds: Double) -> String {
    switch seconds {
    case ..<0.0009995: "\(fixed(seconds * 1e6, seconds < 9.95e-6 ? 1 : 0)) us"
    case ..<0.9995: "\(fixed(seconds * 1e3, seconds < 0.0995 ? 1 : 0)) ms"
    default: "\(fixed(seconds, 1)) s"
    }
  }

  package static func quantile(_ quantile: Distribution.Quantile?) -> String {
    switch quantile {
    case .seconds(let seconds)?: time(seconds)
    case .beyond(let seconds)?: "> \(plain(seconds)) s"
    case nil: "-"
    }
  }

  /// 12 s, 5 min 3 s, 3 h 12 min, 2 d 5 h.
  package static func age(_ seconds: Double) -> String {
    let whole = UInt64(max(0, min(seconds, 1e15)))
    let units: [(UInt64, String)] = [(86400, "d"), (3600, "h"), (60, "min"), (1, "s")]
    guard let first = units.firstIndex(where: { whole >= $0.0 }) else { return "0 s" }
    let (size, unit) = units[first]
    guard first + 1 < units.count else { return "\(whole) s" }
    let (smaller, small) = units[first + 1]
    let rest = whole % size / smaller
    return "\(whole / size) \(unit)" + (rest > 0 ? " \(rest) \(small)" : "")
  }

  private static func scaled(_ value: Double, _ units: [String]) -> String {
    var value = max(0, value)
    var unit = 0
    while value >= (unit == 0 ? 999.5 : 999.95), unit + 1 < units.count {
      value /= 1000
      unit += 1
    }
    return "\(fixed(value, unit == 0 ? 0 : 1)) \(units[unit])"
  }

  private static func fixed(_ value: Double, _ digits: Int) -> String {
    let factor: Double = digits == 0 ? 1 : 10
    let whole = Int64(min(max(0, value) * factor, 9e17).rounded())
    return digits == 0 ? "\(whole)" : "\(whole / 10).\(whole % 10)"
  }
}
