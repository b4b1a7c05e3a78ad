import Foundation
import Testing

/// What a refused client gets, as its socket sees it.
@Suite(.scratch)
struct AlertTests {
  @Test(arguments: Transport.allCases)
  func `each refused hello gets its alert, then the end of the stream`(over transport: Transport) throws {
    let proxy = try Self.proxy(transport)
    for row in RefusedHello.all {
      let client = try proxy.connect()
      try client.send(row.bytes)
      Self.expect(row, client)
    }
  }

  /// The megabyte is under way before sniproxy looks at the first byte.
  @Test(arguments: Transport.allCases)
  func `the alert arrives though a megabyte more is under way`(over transport: Transport) throws {
    let proxy = try Self.proxy(transport)
    let more = SeededBytes(seed: 1).bytes(at: 0, count: 1 << 20)
    var clients: [(row: RefusedHello, client: Connection, unsent: ArraySlice<UInt8>)] = []
    try proxy.whileStopped {
      for row in RefusedHello.all {
        let client = try proxy.connect()
        var unsent = (row.bytes + more)[...]
        while !unsent.isEmpty, let sent = try client.sendSome(unsent) { unsent = unsent.dropFirst(sent) }
        clients.append((row, client, unsent))
      }
    }
    for (row, client, unsent) in clients {
      do {
        try client.send(Array(unsent))
        Self.expect(row, client)
      } catch {
        Issue.record("\(row): \(error)")
      }
    }
  }

  @Test(arguments: Transport.allCases)
  func `the alert arrives though the client has ended its stream`(over transport: Transport) throws {
    let proxy = try Self.proxy(transport)
    for row in RefusedHello.all {
      let client = try proxy.connect()
      try client.send(row.bytes)
      client.finishSending()
      Self.expect(row, client)
    }
  }

  /// It neither leaves nor is quiet: the time that it is read for is bounded.
  @Test(.looksInside, arguments: Transport.allCases)
  func `a refused client that stays is not read for ever`(over transport: Transport) throws {
    let proxy = try Self.proxy(transport)
    let before = try proxy.vitals.descriptors
    let client = try proxy.connect(Hello("unknown.test"))
    try eventually("sniproxy to close the connection", within: 2 * patience) {
      _ = try? client.send("more")
      return try proxy.vitals.descriptors == before
    }
  }

  /// Whoever is refused once is served when the reason is gone.
  @Test func `whoever was refused is served when the reason is gone`() throws {
    let hosts = try HostsDirectory()
    let proxy = try Proxy(hosts)
    #expect(try proxy.refusal(Hello("late.test")) == 112)
    try hosts.addBackend("late.test").answer("late")
    #expect(try proxy.ask("late.test") == "late")
  }

  private static func proxy(_ transport: Transport) throws -> Proxy {
    let hosts = try HostsDirectory()
    // The backend that a name which gets past the checks would reach.
    try hosts.addBackend("test.test").answer("reached")
    return try Proxy(hosts, listen: [transport.listen])
  }

  private static func expect(_ row: RefusedHello, _ client: Connection) {
    do {
      let alert = try client.receiveAlert()
      #expect(alert == row.alert, "\(row)")
    } catch {
      Issue.record("\(row): \(error)")
    }
    client.close()
  }
}
