import Foundation
import Load

/// A program to measure, in one configuration of it.
struct Program: Hashable {
  let name: String
  /// As a person reads it.
  let title: String
  let kind: Kind
  /// With the settings that were found best for throughput, rather than those that it has by itself.
  let isTuned: Bool

  enum Kind { case ours, haproxy, nginx, sniproxy06 }

  init(_ name: String, _ title: String, _ kind: Kind, isTuned: Bool = false) {
    self.name = name
    self.title = title
    self.kind = kind
    self.isTuned = isTuned
  }

  static let ours = Program("sniproxy", "sniproxy", .ours)

  /// Where settings are good for one work and bad for another, both are here: the best of the peers is that of all
  /// these.
  static let peers = [
    Program("haproxy", "HAProxy", .haproxy),
    Program("haproxy-splice", "HAProxy, splice-auto", .haproxy),
    Program("haproxy-tuned", "HAProxy, tuned", .haproxy, isTuned: true),
    Program("nginx", "nginx", .nginx),
    Program("nginx-tuned", "nginx, tuned", .nginx, isTuned: true),
    Program("sniproxy-0.6", "sniproxy 0.6", .sniproxy06),
  ]

  static let all = [ours] + peers

  static func named(_ name: String) -> Program? {
    all.first { $0.name == name }
  }
}

/// Where the programs are.
struct Programs {
  var ours: String
  var haproxy: String
  var nginx: String
  var sniproxy06: String

  /// The templates of the peers' configurations.
  var templates: String

  func path(of kind: Program.Kind) -> String {
    switch kind {
    case .ours: ours
    case .haproxy: haproxy
    case .nginx: nginx
    case .sniproxy06: sniproxy06
    }
  }

  /// What the program says about its version, in short.
  func version(of kind: Program.Kind) throws(Failure) -> String {
    let path = path(of: kind)
    let option = [.ours: "--version", .haproxy: "-v", .nginx: "-v", .sniproxy06: "-V"][kind]!
    guard FileManager.default.isExecutableFile(atPath: path) else { throw Failure("\(path): no such program") }
    let process = Process()
    let output = Pipe()
    process.executableURL = URL(filePath: path)
    process.arguments = [option]
    process.standardOutput = output
    process.standardError = output
    do { try process.run() } catch { throw Failure("\(path): \(error)") }
    let said = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
    process.waitUntilExit()
    guard let version = said.firstMatch(of: /[0-9]+\.[0-9]+(\.[0-9]+)?[-+~.0-9a-z]*/) else {
      throw Failure("\(path) \(option): no version in \"\(said)\"")
    }
    if kind == .sniproxy06, !version.output.0.hasPrefix("0.6") {
      throw Failure("\(path): is not dlundquist's sniproxy 0.6, which Debian's package sniproxy has")
    }
    return String(version.output.0)
  }
}

/// A peer's configuration: the template with the program's own lines and the values of this run.
func configuration(for program: Program, from template: String, values: [String: String]) -> String {
  let lines = template.split(separator: "\n", omittingEmptySubsequences: false).compactMap { line -> Substring? in
    guard line.first == "@", let end = line.dropFirst().firstIndex(of: "@") else { return line }
    return line[line.index(after: line.startIndex)..<end] == program.name ? line[line.index(after: end)...] : nil
  }
  return values.reduce(lines.joined(separator: "\n")) { text, value in
    text.replacingOccurrences(of: "@\(value.key)@", with: value.value)
  }
}
