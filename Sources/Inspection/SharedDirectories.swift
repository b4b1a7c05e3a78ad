import Kernel

/// Entries that lead to one host directory, by links.
package struct SharedDirectories {
  /// The entries of each such directory, in their order.
  private let groups: [[[UInt8]]]

  package init(_ reports: [EntryReport]) {
    var order: [FileIdentity] = []
    var entries: [FileIdentity: [[UInt8]]] = [:]
    for report in reports {
      guard let directory = report.directory else { continue }
      if entries[directory] == nil { order.append(directory) }
      entries[directory, default: []].append(report.entry)
    }
    groups = order.compactMap { entries[$0] }.filter { $0.count > 1 }
  }

  /// One for all of them.
  package var finding: Finding? {
    guard !groups.isEmpty else { return nil }
    let list = Self.some(groups.map { Self.some($0.map { shellWord($0) }, ", ") }, "; ")
    return Finding(
      .note, .sameDirectory,
      "entries that lead to one host directory, whose connections --max-per-host counts together: \(list)")
  }

  private static func some(_ all: [String], _ separator: String) -> String {
    let rest = all.count > most ? ["and \(all.count - most) more"] : []
    return (all.prefix(most) + rest).joined(separator: separator)
  }

  private static let most = 5
}
