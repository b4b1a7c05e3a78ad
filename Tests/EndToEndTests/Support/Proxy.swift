import Foundation
import Testing

/// A running sniproxy that accepts connections. It is killed when the test ends; `stop` ends it as an administrator would.
final class Proxy {
  let child: Child

  /// Where it listens, in the order of its log.
  let addresses: [Address]

  var log: String { child.error }

  /// - Parameters:
  ///   - hosts: the value of `--hosts`; nil to leave it to the working directory
  ///   - listen: the values of `--listen`; none where the sockets are passed, `addresses` is empty then
  ///   - descriptors: see `Child`
  ///   - launcher: a command that becomes the program whose path and arguments follow
  init(
    _ hosts: HostsDirectory?, options: [String], listen: [String] = ["127.0.0.1:0"],
    workingDirectory: String? = nil, environment: [String: String] = [:], descriptors: [Int32: Child.Source] = [:],
    launcher: [String] = []
  ) throws {
    let arguments = (hosts.map { ["--hosts", $0.path] } ?? []) + listen.flatMap { ["--listen", $0] } + options
    let command = launcher + [try Program.path("sniproxy")] + arguments
    let child = try Child(
      command[0], Array(command.dropFirst()), environment: environment, workingDirectory: workingDirectory,
      descriptors: descriptors)
    self.child = child
    var found: [Address] = []
    if !listen.isEmpty {
      try eventually("sniproxy to listen; its log: \(child.error)") {
        found = Self.addresses(in: child.error)
        guard child.isRunning else { throw Failure("sniproxy ended: \(child.error)") }
        return found.count >= listen.count
      }
    }
    addresses = found
  }

  convenience init(
    _ hosts: HostsDirectory?, _ options: String..., listen: [String] = ["127.0.0.1:0"],
    workingDirectory: String? = nil, environment: [String: String] = [:], descriptors: [Int32: Child.Source] = [:]
  ) throws {
    try self.init(
      hosts, options: options, listen: listen, workingDirectory: workingDirectory, environment: environment,
      descriptors: descriptors)
  }

  func connect(_ index: Int = 0) throws -> Connection { try Connection(to: addresses[index]) }

  /// Connects, and sends the hello.
  func connect(_ hello: Hello) throws -> Connection {
    let connection = try connect()
    try connection.send(hello.bytes)
    return connection
  }

  /// Stops it with a signal, and expects it to end with status 0.
  func stop(_ signal: Int32 = SIGTERM, sourceLocation: SourceLocation = #_sourceLocation) throws {
    child.signal(signal)
    let status = try child.wait()
    #expect(status == .exited(0), "its log: \(log)", sourceLocation: sourceLocation)
  }

  /// The addresses that the log names.
  static func addresses(in log: String) -> [Address] {
    log.split(separator: "\n").compactMap { line in
      guard let start = line.range(of: "listening on ")?.upperBound else { return nil }
      let address = line[start...].prefix { $0 != " " && $0 != "," }
      if address.hasPrefix("unix:") { return .unix(String(address.dropFirst(5))) }
      guard let colon = address.lastIndex(of: ":"), let port = UInt16(address[colon...].dropFirst()) else { return nil }
      return address.hasPrefix("[::1]") ? .ip6(port) : .ip4(port)
    }
  }
}

extension Proxy {
  var port: UInt16 { addresses[0].port }

  /// What the backend `answer` says to a client who asks for the name.
  func ask(_ name: String) throws -> String {
    let client = try connect(Hello(name))
    defer { client.close() }
    let (bytes, _) = try client.receiveAll()
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The alert that a client gets who asks for the name.
  func refusal(_ hello: Hello) throws -> UInt8? {
    let client = try connect(hello)
    defer { client.close() }
    return try client.receiveAlert()
  }
}
