import Foundation
import Testing

extension CrowdTests {
  /// Thousands of connections of each kind leave nothing behind.
  @Suite(.scratch, .looksInside)
  struct GrowthTests {
    @Test(arguments: [Transport.ip4, .unix])
    func `thousands of connections of each kind leave nothing behind`(over transport: Transport) throws {
      _ = try raiseDescriptorLimit()
      let hosts = try HostsDirectory()
      let visitors = try Visitors(hosts)
      let proxy = try Proxy(
        hosts, options: ["--workers", "1", "--hello-timeout", "2", "--connect-timeout", "1", "--access-log"],
        listen: [transport.listen])
      let before = try proxy.vitals.descriptors.count
      try proxy.vitals.expectSteadyMemory(within: Self.tolerance, of: "visitors over \(transport)") { round in
        for kind in Visitors.Kind.allCases where transport.isInternet || kind != .resets {
          do { try visitors.come(Self.visitors, kind, to: proxy) } catch { throw Failure("\(kind): \(error)") }
        }
        try eventually("the descriptors of round \(round) to be closed") {
          try proxy.vitals.descriptors.count <= before
        }
      }
    }

    /// Of each kind in each round.
    private static let visitors = Sanitizer.rounds(1000)
    /// In KiB: less than half of one would make for any one kind who leaves as much behind.
    private static let tolerance = 384
  }
}

/// Clients of every kind.
private struct Visitors {
  enum Kind: CaseIterable {
    case served, echoed, refused, malformed, hungUp, silent, halfWay, resets, backendMissing, backendResets, backlogFull
  }

  private let resetting: Listener

  init(_ hosts: HostsDirectory) throws {
    try hosts.addBackend("served.test").answer("answer")
    try hosts.addBackend("echo.test").echo(after: Hello("echo.test").bytes.count)
    try hosts.addBackend("nobody.test").close()
    resetting = try hosts.addBackend("resetting.test")
    _ = try hosts.addBackend("full.test", backlog: 0)
    _ = try Connection.fillBacklog(of: "\(hosts.path)/full.test/tls-socket")
  }

  func come(_ count: Int, _ kind: Kind, to proxy: Proxy) throws {
    let address = proxy.addresses[0]
    if kind == .silent || kind == .halfWay || kind == .backlogFull {
      return try waitTogether(count, kind, address)
    }
    for _ in 0..<count {
      let client = try Connection(unattended: address)
      defer { client.close() }
      try visit(client, kind)
    }
  }

  private func visit(_ client: Connection, _ kind: Kind) throws {
    switch kind {
    case .served:
      try client.send(Hello("served.test").bytes)
      try Self.expect(try client.receiveAll() == (Array("answer".utf8), .finished))
    case .echoed, .resets:
      let piece = SeededBytes(seed: 1).bytes(at: 0, count: 40_000)
      try client.send(Hello("echo.test", padding: 3000).bytes + piece)
      _ = try client.receive(piece.count)
      if kind == .resets { client.reset() }
    case .refused: try Self.expect(client, Hello("unknown.test"), 112)
    case .malformed: try Self.expect(client, Hello(nil, padding: 60_000), 109)
    case .hungUp: try client.send(Array(Hello("served.test").bytes.prefix(40)))
    case .backendMissing: try Self.expect(client, Hello("nobody.test"), 80)
    case .backendResets:
      try client.send(Hello("resetting.test").bytes)
      guard let backend = try resetting.acceptUnattended(within: patience) else { throw Failure("no connection") }
      try backend.awaitBytes()
      backend.close()
      _ = try client.receiveAll()
    case .silent, .halfWay, .backlogFull: preconditionFailure("they wait together")
    }
  }

  private func waitTogether(_ count: Int, _ kind: Kind, _ address: Address) throws {
    var clients: [Connection] = []
    defer { for client in clients { client.close() } }
    for _ in 0..<count {
      let client = try Connection(unattended: address)
      clients.append(client)
      switch kind {
      case .halfWay: try client.send(Array(Hello("served.test", padding: 2000).bytes.prefix(1500)))
      case .backlogFull: try client.send(Hello("full.test").bytes)
      default: break
      }
    }
    for client in clients {
      let (bytes, _) = try client.receiveAll()
      try Self.expect(bytes == (kind == .backlogFull ? [21, 3, 3, 0, 2, 2, 80] : []))
    }
  }

  private static func expect(_ client: Connection, _ hello: Hello, _ alert: UInt8) throws {
    try client.send(hello.bytes)
    try expect(try client.receiveAlert() == alert)
  }

  private static func expect(_ isTrue: Bool, line: Int = #line) throws {
    guard isTrue else { throw Failure("unexpected answer, see line \(line)") }
  }
}
