import Foundation

/// What sniproxy-check says.
struct Check {
  let status: Child.Status
  let output: String
  let error: String
  let outputPath: String

  init(_ arguments: [String], environment: [String: String] = [:], input: Child.Source = .null) throws {
    let child = try Child(
      try Program.path("sniproxy-check"), arguments, environment: environment, descriptors: [0: input])
    status = try child.wait()
    (output, error, outputPath) = (child.output, child.error, child.outputPath)
  }

  init(_ arguments: String...) throws { try self.init(arguments) }

  /// Looks at a hosts directory.
  init(_ hosts: HostsDirectory, _ options: [String], names: [String] = []) throws {
    try self.init(options + ["--json", "--", hosts.path] + names)
  }

  struct Report: Decodable {
    let ok: Bool
    let findings: [Finding]
    let entries: [Entry]
  }

  struct Entry: Decodable {
    let entry: String
    let name: String?
    let verdict: String
    let alert: UInt8?
    let socket: String?
    let handedOver: Bool
    let relayed: Relayed?
    let certificate: Certificate?
    let findings: [Finding]
    let proxyHeader: Int?

    var codes: [String] { findings.map(\.code) }
    var mends: [String] { findings.flatMap(\.mends) }
  }

  /// Who cannot be handed over.
  struct Relayed: Decodable {
    let verdict: String
    let alert: UInt8?
    let socket: String?
    let certificate: Certificate?
  }

  struct Certificate: Decodable {
    let names: [String]
  }

  struct Finding: Decodable {
    let severity: String
    let code: String
    let text: String
    let mends: [String]
  }

  /// What it says as JSON.
  func report() throws -> Report { try Self.report(output, error) }

  static func report(_ output: String, _ error: String = "") throws -> Report {
    do {
      let decoder = JSONDecoder()
      decoder.keyDecodingStrategy = .convertFromSnakeCase
      return try decoder.decode(Report.self, from: Data(output.utf8))
    } catch {
      throw Failure("no report: \(error): \(output.prefix(2000)) \(error)")
    }
  }

  func entry(_ name: String) throws -> Entry {
    guard let entry = try report().entries.first(where: { $0.entry == name || $0.name == name }) else {
      throw Failure("nothing of \(name): \(output) \(error)")
    }
    return entry
  }
}
