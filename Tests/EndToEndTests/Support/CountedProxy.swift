import Foundation

/// sniproxy with a status file of the test's own.
final class CountedProxy {
  let proxy: Proxy
  let directory: String
  var path: String { "\(directory)/status" }

  /// What is in its directory.
  var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: directory).sorted() } }

  init(_ hosts: HostsDirectory, options: [String] = [], listen: [String] = ["127.0.0.1:0"]) throws {
    directory = try Scratch.current.directory("status")
    proxy = try Proxy(hosts, options: ["--status", "\(directory)/status"] + options, listen: listen)
  }

  func status() throws -> StatusReading { try StatusReading(path) }

  /// Waits until exactly this has been counted since it started, by all workers together, and nothing else; but for times and
  /// bytes, and what accepting does.
  func expect(_ counts: [String: Int], _ more: [String: Int] = [:]) throws {
    let counts = counts.merging(more) { $1 }
    var found: [String: Int] = [:]
    try eventually("the counts \(counts); there are \(found); the log: \(proxy.log)") {
      found = try status().counted
      return found == counts
    }
  }
}

/// What a status file tells, as the program `status-probe` reads it.
struct StatusReading {
  private let values: [String: String]

  init(_ path: String) throws {
    let probe = try run(Program.path("status-probe"), path)
    let pairs = probe.output.split(separator: "\n").map { line in
      let parts = line.split(separator: " ", maxSplits: 1)
      return (String(parts[0]), parts.count == 2 ? String(parts[1]) : "")
    }
    values = Dictionary(uniqueKeysWithValues: pairs)
    if probe.status != .exited(0) || values["flaw"] != nil { throw Failure("\(path): \(probe)") }
  }

  func text(_ key: String) -> String { values[key] ?? "" }
  subscript(key: String) -> Int { Int(values[key] ?? "") ?? -1 }

  var state: String { text("state") }
  var isAlive: Bool { text("alive") == "true" }

  fileprivate var counted: [String: Int] {
    let uncounted = ["sum", "accepting", "uploaded", "downloaded", "pipes"]
    return values.reduce(into: [:]) { counts, pair in
      let parts = pair.key.split(separator: ".", maxSplits: 1).map(String.init)
      guard parts[0] == "total", !uncounted.contains(where: { parts[1].hasPrefix($0) }), pair.value != "0" else {
        return
      }
      counts[parts[1]] = Int(pair.value)
    }
  }
}
