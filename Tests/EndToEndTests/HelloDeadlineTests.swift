import Foundation
import Testing

/// Clients that never complete a ClientHello: closed without a byte.
@Suite(.scratch)
struct HelloDeadlineTests {
  @Test(arguments: Transport.allCases)
  func `a silent client is closed without a byte`(over transport: Transport) throws {
    let passage = try Passage(transport, options: ["--hello-timeout", "1"])
    let begin = Alarm(in: 1)
    let client = try passage.proxy.connect()
    try Self.expectSilentClose(client)
    #expect(begin.elapsed >= 1)
  }

  /// One deadline, never extended by a byte.
  @Test(arguments: Transport.allCases)
  func `no byte extends the hello timeout`(over transport: Transport) throws {
    let passage = try Passage(transport, options: ["--hello-timeout", "1"])
    let begin = Alarm(in: 1)
    let client = try passage.proxy.connect()
    // At this pace it would take minutes.
    for byte in Hello("test.test", padding: 10_000).bytes where begin.elapsed < patience {
      guard (try? client.send([byte])) != nil, try !client.hasBytes(within: 0.02) else { break }
    }
    try Self.expectSilentClose(client)
    #expect(begin.elapsed >= 1)
  }

  @Test(arguments: Transport.allCases, [0, 1, 3, 5, 9, 60])
  func `a client that hangs up before its hello is complete gets nothing`(over transport: Transport, after count: Int)
    throws
  {
    let passage = try Passage(transport)
    let client = try passage.proxy.connect()
    try client.send(Array(Passage.hello.bytes.prefix(count)))
    client.finishSending()
    try Self.expectSilentClose(client)
  }

  /// The deadline is for the ClientHello only.
  @Test func `the hello timeout ends with the hello`() throws {
    let passage = try Passage(options: ["--hello-timeout", "1"])
    let (client, backend) = try passage.connect()
    // Begins later, and so ends later.
    try Self.expectSilentClose(try passage.proxy.connect())
    try client.send("question")
    #expect(try backend.receive(8) == Array("question".utf8))
    try backend.send("answer")
    #expect(try client.receive(6) == Array("answer".utf8))
  }

  /// A close with the client's bytes unread is a reset.
  private static func expectSilentClose(_ client: Connection) throws {
    let (bytes, _) = try client.receiveAll()
    #expect(bytes.isEmpty)
  }
}
