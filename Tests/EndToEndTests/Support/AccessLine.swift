import Foundation

/// A line of the access log, taken apart.
struct AccessLine {
  /// In the line's order.
  let pairs: [(key: String, value: String)]

  /// Nil for another line.
  init?(_ line: some StringProtocol) {
    guard let start = line.range(of: "access: ")?.upperBound else { return nil }
    pairs = line[start...].split(separator: " ", omittingEmptySubsequences: false).map { pair in
      let parts = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      return (String(parts[0]), parts.count == 2 ? String(parts[1]) : "no value")
    }
  }

  subscript(key: String) -> String? { pairs.first { $0.key == key }?.value }

  /// All of a log.
  static func all(_ log: String) -> [AccessLine] { log.split(separator: "\n").compactMap { AccessLine($0) } }

  /// The access lines of the log, once there are so many.
  static func all(_ count: Int, of proxy: Proxy) throws -> [AccessLine] {
    var lines: [AccessLine] = []
    try eventually("\(count) access lines in: \(proxy.log)") {
      lines = all(proxy.log)
      return lines.count >= count
    }
    return lines
  }
}
