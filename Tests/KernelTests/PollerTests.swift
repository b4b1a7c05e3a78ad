import CLinux
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
  private func events(_ poller: inout Poller) throws -> [Told] {
    let count = try poller.wait(milliseconds: 0)
    return (0..<count).map { index in
      #expect(poller.event(index).token == token)
      return Told(poller.event(index).readiness)
    }
  }

  private struct Told: OptionSet {
    let rawValue: Int

    static let readable = Told(rawValue: 1)
    static let writable = Told(rawValue: 2)
    static let urgent = Told(rawValue: 4)
    static let ended = Told(rawValue: 8)
    static let hungUp = Told(rawValue: 16)
    static let failed = Told(rawValue: 32)

    init(rawValue: Int) { self.rawValue = rawValue }

    init(_ readiness: Poller.Readiness) {
      self = []
      if readiness.isReadable { insert(.readable) }
      if readiness.isWritable { insert(.writable) }
      if readiness.isUrgent { insert(.urgent) }
      if readiness.hasEnded { insert(.ended) }
      if readiness.hasHungUp { insert(.hungUp) }
      if readiness.hasFailed { insert(.failed) }
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

  @Test func `an arrival is told once, and so is the next, and the end`() throws {
    var poller = try Poller()
    let pair = try UnixConnection()
    try poller.add(pair.server.number, .arrivals, token)
    var told = [try events(&poller)]
    for _ in 0..<2 {
      _ = try pair.client.send([1])
      told.append(try events(&poller))
      told.append(try events(&poller))
    }
    pair.client.shutdownWriting()
    for _ in 0..<2 { told.append(try events(&poller)) }
    #expect(told == [[], [.readable], [], [.readable], [], [[.readable, .ended]], []])
  }

  @Test func `asked again, it tells again what is there`() throws {
    var poller = try Poller()
    let pair = try UnixConnection()
    _ = try pair.client.send([1])
    try poller.add(pair.server.number, .arrivals, token)
    var told = [try events(&poller), try events(&poller)]
    try poller.modify(pair.server.number, .arrivals, token)
    for _ in 0..<2 { told.append(try events(&poller)) }
    try poller.modify(pair.server.number, .arrivalsAndRoom, token)
    for _ in 0..<2 { told.append(try events(&poller)) }
    try poller.remove(pair.server.number)
    told.append(try events(&poller))
    #expect(told == [[.readable], [], [.readable], [], [[.readable, .writable]], [], []])
    #expect(failure { () throws(Errno) in try poller.remove(pair.server.number) } == .noSuchFileOrDirectory)
  }

  @Test func `urgent bytes are told as such`() throws {
    var poller = try Poller()
    let connection = try TCPConnection()
    try poller.add(connection.server.number, .arrivals, token)
    require(unsafe send(connection.client.number, "u", 1, Int32(MSG_OOB)) == 1 ? 0 : -1)
    #expect(try events(&poller).first?.contains(.urgent) == true)
  }

  @Test func `a hang-up is told`() throws {
    var poller = try Poller()
    let (reading, writing) = makePipe()
    let descriptor = Descriptor(owning: reading)
    try poller.add(descriptor.number, .arrivals, token)
    close(writing)
    let told = try events(&poller)
    #expect(told == [[.ended, .hungUp]])
  }

  @Test func `an error is told`() throws {
    var poller = try Poller()
    let connection = try TCPConnection()
    try poller.add(connection.server.number, .arrivals, token)
    var zero = linger(l_onoff: 1, l_linger: 0)
    require(
      unsafe setsockopt(connection.client.number, SOL_SOCKET, SO_LINGER, &zero, socklen_t(MemoryLayout<linger>.size)))
    try Descriptor.replace(connection.client.number)
    let told = try events(&poller)
    #expect(told.first?.isSuperset(of: [.failed, .hungUp]) == true)
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
      try poller.add(wakeup.value.number, .arrivals, Token(slot: slot, generation: 0, side: 0))
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
