import Foundation
import Testing

/// ClientHellos that are made to cost as much as they can.
@Suite(.scratch)
struct SlowHelloTests {
  /// The longest hello there is, in records of a byte, in segments of a byte; and what a quarter of it costs.
  @Test(arguments: Transport.allCases)
  func `the longest hello byte by byte costs linear work`(over transport: Transport) throws {
    let passage = try Passage(transport, options: ["--workers", "1", "--hello-timeout", "600"])
    let quarter = try Self.trickle(Self.hello(16_384), passage)
    let whole = try Self.trickle(Self.hello(65_536), passage)
    print("processor time for a hello byte by byte over \(transport): 16 KiB \(quarter) s, 64 KiB \(whole) s")
    // Linear is about five times as much, as the first bytes cost nearly nothing; quadratic is sixteen times. Less than a
    // tenth of a second says little on a busy machine.
    #expect(whole < 10 * max(quarter, 0.1))
  }

  /// A byte more is too much, in whatever records it comes.
  @Test(arguments: Transport.allCases, [1, 1000, 16_384])
  func `a hello may be 65536 bytes long, and no more`(over transport: Transport, recordSize: Int) throws {
    let passage = try Passage(transport)
    var hello = try Self.hello(65_536)
    hello.recordSize = recordSize
    let client = try passage.proxy.connect()
    try client.send(hello.bytes)
    #expect(try passage.backend.accept().receive(hello.bytes.count) == hello.bytes)
    hello.padding += 1
    let refused = try passage.proxy.connect()
    try refused.send(Array(hello.bytes.prefix(70_000)))
    #expect(try refused.receiveAlert() == 50)
  }

  /// A client whose bytes have little room in the kernel before they are read.
  @Test(arguments: [1, 100, 16_384])
  func `a long hello comes through a small receive buffer`(recordSize: Int) throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("test.test")
    let listener = try Listener(.ip4(0))
    listener.shrinkReceiveBuffer()
    let proxy = try Proxy(hosts, "--workers", "1", listen: [], descriptors: [0: .descriptor(listener.descriptor)])
    var hello = try Self.hello(65_536)
    hello.recordSize = recordSize
    let client = try Connection(to: listener.address)
    try client.send(hello.bytes)
    let accepted = try backend.accept()
    #expect(try accepted.receive(hello.bytes.count) == hello.bytes)
    try Self.expectBytesOneByOne(client, accepted)
    try proxy.vitals.expectRest()
  }

  /// Sends it byte by byte, and gives what that cost sniproxy in seconds of processor time.
  private static func trickle(_ hello: Hello, _ passage: Passage) throws -> Double {
    let before = try passage.proxy.vitals.processorTime
    let client = try passage.proxy.connect()
    let bytes = hello.bytes
    try client.sendByteByByte(bytes)
    let backend = try passage.backend.accept()
    let received = try backend.receive(bytes.count)
    guard received == bytes else { throw Failure("the hello arrived changed") }
    let cost = try passage.proxy.vitals.processorTime - before
    try expectBytesOneByOne(client, backend)
    return cost
  }

  /// Nothing that was set to read the hello holds a byte back.
  private static func expectBytesOneByOne(_ client: Connection, _ backend: Connection) throws {
    for byte: UInt8 in 0..<5 {
      try client.send([byte])
      #expect(try backend.receive(1) == [byte])
      try backend.send([byte])
      #expect(try client.receive(1) == [byte])
    }
  }

  /// One whose message has so many bytes, with its header.
  private static func hello(_ count: Int) throws -> Hello {
    var hello = Hello("test.test", padding: 1, recordSize: 1)
    hello.padding += count - hello.message.count
    guard hello.message.count == count else { throw Failure("a hello of \(hello.message.count) bytes") }
    return hello
  }
}
