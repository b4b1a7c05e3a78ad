import Glibc
import Kernel
import Testing

@Suite struct PollerTests {
  private static let tokens: [(Int, UInt32, UInt32)] = [
    (0, 0, 0), (0, 0, 1), (1, 2, 1), (Int(UInt32.max), 0, 0), (0, (1 << 31) - 1, 0),
    (Int(UInt32.max), (1 << 31) - 1, 1),
  ]

  @Test(arguments: tokens) func `a token keeps slot, generation and side apart`(
    _ slot: Int, _ generation: UInt32, _ side: UInt32
  ) {
    let token = Token(slot: slot, generation: generation, side: side)
    #expect(token.slot == slot)
    #expect(token.generation == generation)
    #expect(token.side == side)
  }

  private let token = Token(slot: 7, generation: 8, side: 1)

  /// What one wait tells, at once.
  private func events(_ poller: inout Poller) throws -> [Poller.Readiness] {
    let count = try poller.wait(milliseconds: 0)
    return (0..<count).map { index in
      #expect(poller.event(index).token == token)
      return poller.event(index).readiness
    }
  }

  @Test func `a condition is told for as long as it lasts`() throws {
    var poller = try Poller()
    let wakeup = try Wakeup()
    try poller.add(wakeup.number, .readable, token)
    var told = [try events(&poller)]
    wakeup.signal()
    for _ in 0..<2 { told.append(try events(&poller)) }
    wakeup.clear()
    told.append(try events(&poller))
    #expect(told == [[], [.readable], [.readable], []])
  }

  @Test func `with once, a condition that lasts is told once, and again when there is more`() throws {
    var poller = try Poller()
    let pair = try UnixConnection()
    try poller.add(pair.server.number, [.readable, .once], token)
    var told = [try events(&poller)]
    for _ in 0..<2 {
      _ = try pair.client.send([1])
      told.append(try events(&poller))
      told.append(try events(&poller))
    }
    #expect(told == [[], [.readable], [], [.readable], []])
  }

  @Test func `interest can be changed and withdrawn`() throws {
    var poller = try Poller()
    let pair = try UnixConnection()
    _ = try pair.client.send([1])
    try poller.add(pair.server.number, [], token)
    var told = [try events(&poller)]
    try poller.modify(pair.server.number, [.readable, .writable], token)
    told.append(try events(&poller))
    try poller.modify(pair.server.number, .writable, token)
    told.append(try events(&poller))
    try poller.remove(pair.server.number)
    told.append(try events(&poller))
    #expect(told == [[], [[.readable, .writable]], [.writable], []])
    #expect(failure { () throws(Errno) in try poller.remove(pair.server.number) } == .noSuchFileOrDirectory)
  }

  @Test func `a hang-up is told without being asked for`() throws {
    var poller = try Poller()
    let (reading, writing) = makePipe()
    let descriptor = Descriptor(owning: reading)
    try poller.add(descriptor.number, [], token)
    close(writing)
    let told = try events(&poller)
    #expect(told == [.hangUp])
  }

  @Test func `an error is told without being asked for`() throws {
    var poller = try Poller()
    let connection = try TCPConnection()
    try poller.add(connection.server.number, [], token)
    var zero = linger(l_onoff: 1, l_linger: 0)
    require(
      unsafe setsockopt(connection.client.number, SOL_SOCKET, SO_LINGER, &zero, socklen_t(MemoryLayout<linger>.size)))
    try Descriptor.replace(connection.client.number)
    let told = try events(&poller)
    #expect(told.first?.isSuperset(of: [.error, .hangUp]) == true)
  }

  @Test func `over TCP a socket is readable from as many bytes as wanted`() throws {
    var poller = try Poller()
    let connection = try TCPConnection()
    try connection.server.setReadableFrom(4)
    try poller.add(connection.server.number, .readable, token)
    connection.send("abc")
    var told = [try events(&poller)]
    connection.send("d")
    told.append(try events(&poller))
    #expect(told == [[], [.readable]])
  }

  @Test func `events that do not fit are told by the next wait`() throws {
    var poller = try Poller(eventsAtOnce: 2)
    let wakeups = [try SharedWakeup(), try SharedWakeup(), try SharedWakeup()]
    for (slot, wakeup) in wakeups.enumerated() {
      try poller.add(wakeup.value.number, [.readable, .once], Token(slot: slot, generation: 0, side: 0))
      wakeup.value.signal()
    }
    var slots: [Int] = []
    for expected in [2, 1, 0] {
      let count = try poller.wait(milliseconds: 0)
      #expect(count == expected)
      slots += (0..<count).map { poller.event($0).token.slot }
    }
    #expect(slots.sorted() == [0, 1, 2])
  }

  @Test func `a thread can be woken out of its wait`() throws {
    var poller = try Poller()
    let wakeup = try SharedWakeup()
    try poller.add(wakeup.value.number, .readable, token)
    try startThread("test") { wakeup.value.signal() }
    #expect(try poller.wait(milliseconds: 60_000) == 1)
  }
}

private final class SharedWakeup: Sendable {
  let value: Wakeup
  init() throws { value = try Wakeup() }
}
