import CLinux
import Glibc
import Kernel
import Relay
import Testing

/// One direction that carries much, which goes through the worker's pipe.
@Suite struct BulkTests {
  init() { _ = signal(SIGPIPE, SIG_IGN) }

  @Test(arguments: [Family.unix, .internet], [Family.unix, .internet])
  func `bulk is exact however little the sink takes`(from one: Family, to other: Family) throws {
    for seed in 0..<4 {
      var dice = Dice(seed: seed)
      var flow = try Flow(from: one, to: other)
      if seed % 2 == 0 { flow.sink.setBuffers(10_000) }
      let count = 3_000_000
      var (wasHolding, hasEnded, turns) = (false, false, 0)
      while !hasEnded {
        if flow.source.sent < count {
          flow.source.send(min(Int.random(in: 1...400_000, using: &dice), count - flow.source.sent))
        } else {
          flow.source.finish()
        }
        hasEnded = try flow.relay()
        wasHolding = wasHolding || flow.isHolding
        try flow.sink.receive(atMost: Int.random(in: 1...200_000, using: &dice))
        turns += 1
        // Where nothing moves, a kernel may wait for its timer.
        if turns > 500 { usleep(1000) }
        try #require(turns < 20_000)
      }
      #expect(wasHolding || seed % 2 == 1)
      flow.close()
      try flow.sink.receiveAll()
      #expect(flow.sink.received == count && flow.delivered == count)
    }
  }

  /// They come, and the end with them, after the event that says how far to read and does not know of them.
  @Test(arguments: [Family.unix, .internet], [0, 1, 50_000])
  func `urgent bytes in the midst of bulk are no end`(to sink: Family, among count: Int) throws {
    var flow = try Flow(from: .internet, to: sink)
    try flow.becomeBulk()
    flow.source.send(count + 1, urgent: true)
    flow.source.send(count + 1, urgent: true)
    if count > 0 { flow.source.send(count) }
    flow.source.finish()
    flow.source.awaitArrival(withTheEnd: true)
    for _ in 0..<20 {
      if try flow.relay() { break }
      try flow.sink.receive()
    }
    flow.close()
    try flow.sink.receiveAll()
    #expect(flow.sink.received == flow.source.sent)
  }

  /// Another event tells of them.
  @Test func `urgent bytes that come after the event are left for the next`() throws {
    var flow = try Flow(from: .internet, to: .unix)
    try flow.becomeBulk()
    flow.source.send(70_000, urgent: true)
    flow.source.send(5)
    flow.source.awaitArrival()
    #expect(try !flow.relay(.untilShort))
    #expect(try !flow.relay(.untilNothingIsLeft))
    try flow.sink.receive(upTo: flow.source.sent)
  }

  /// Others have their turn then, and the source will not tell of what it has told already.
  @Test(arguments: [Family.unix, .internet])
  func `after a turn's worth of bytes the source must be asked`(_ family: Family) throws {
    var flow = try Flow(from: family, to: .internet)
    for end in [flow.source, flow.sink] { end.setBuffers(4_000_000) }
    try flow.becomeBulk()
    var willBeTold = flow.willBeTold
    #expect(willBeTold)
    let before = flow.delivered
    for _ in 0..<3 { flow.source.send(900_000) }
    try #require(flow.source.sent - flow.sink.received > 2 << 20)
    #expect(try !flow.relay())
    let turn = flow.delivered - before
    #expect(turn >= 1 << 20 && turn < 2 << 20)
    willBeTold = flow.willBeTold
    #expect(!willBeTold)
    try flow.finish()
    willBeTold = flow.willBeTold
    #expect(willBeTold)
  }

  @Test func `one pipe serves all directions of a worker`() async {
    await #expect(processExitsWith: .success) {
      let before = openPipes()
      var first = try Flow(from: .unix, to: .unix)
      try first.becomeBulk()
      #expect(openPipes() == before + 1)
      var second = try Flow(from: .internet, to: .unix, by: first.takeFerry())
      try second.becomeBulk()
      #expect(openPipes() == before + 1)
      second.close()
      #expect(openPipes() == before)
    }
  }

  @Test(.enabled(if: Peer.canUse("reno"), "the kernel does not let this user have it"))
  func `bulk towards TCP goes through a pipe`() async {
    await #expect(processExitsWith: .success) {
      let before = openPipes()
      var flow = try Flow(from: .unix, to: .internet)
      #expect(flow.sink.use("reno"))
      try flow.becomeBulk()
      #expect(openPipes() == before + 1)
    }
  }

  @Test(.enabled(if: Peer.canUse("bbr"), "the kernel does not have it, or does not let this user have it"))
  func `bulk towards TCP that is paced is copied`() async {
    await #expect(processExitsWith: .success) {
      let before = openPipes()
      var flow = try Flow(from: .unix, to: .internet)
      #expect(flow.sink.use("bbr"))
      try flow.becomeBulk()
      #expect(openPipes() == before)
    }
  }

  /// The pipe is emptied, and serves the next.
  @Test func `a sink that fails does not harm the directions after it`() async {
    await #expect(processExitsWith: .success) {
      _ = signal(SIGPIPE, SIG_IGN)
      let before = openPipes()
      var failing = try Flow(from: .unix, to: .unix)
      try failing.becomeBulk()
      failing.source.send(100_000)
      failing.sink.takeNoMore()
      #expect(failing.failsAtSink() == .brokenPipe)
      #expect(openPipes() == before + 1)
      var next = try Flow(from: .unix, to: .unix, by: failing.takeFerry())
      try next.becomeBulk()
      #expect(openPipes() == before + 1)
      #expect(next.sink.received == next.source.sent)
    }
  }

  @Test func `where there is no descriptor for a pipe all is copied`() async {
    await #expect(processExitsWith: .success) {
      let before = openPipes()
      var flow = try Flow(from: .unix, to: .unix)
      var limit = rlimit()
      require(unsafe getrlimit(RLIMIT_NOFILE, &limit))
      let present = limit.rlim_cur
      // All that are there stay open, and none comes.
      limit.rlim_cur = 1
      require(unsafe setrlimit(RLIMIT_NOFILE, &limit))
      try flow.becomeBulk()
      limit.rlim_cur = present
      require(unsafe setrlimit(RLIMIT_NOFILE, &limit))
      #expect(openPipes() == before)
      // It is asked for again later.
      for _ in 0..<300 where openPipes() == before {
        usleep(10_000)
        try flow.becomeBulk()
      }
      #expect(openPipes() == before + 1)
    }
  }
}

/// A direction with its ends.
private struct Flow: ~Copyable {
  let source: Peer
  let sink: Peer
  private var sourceSocket: Socket
  private var sinkSocket: Socket
  private var direction: Direction
  private var ferry: Ferry

  init(from one: Family, to other: Family, by ferry: consuming Ferry = Ferry()) throws {
    let source = try Peer(one)
    let sink = try Peer(other)
    self.init(source, sink, one, other, ferry)
  }

  private init(
    _ source: Peer, _ sink: Peer, _ one: Family, _ other: Family, _ ferry: consuming Ferry
  ) {
    self.source = source
    self.sink = sink
    sourceSocket = Socket(owning: source.relayed)
    sinkSocket = Socket(owning: sink.relayed)
    direction = Direction(from: one.kind, to: other.kind)
    self.ferry = ferry
  }

  var isHolding: Bool { direction.isHolding }
  var willBeTold: Bool { direction.willBeTold }
  var delivered: UInt64 { direction.delivered }

  /// True at the end.
  mutating func relay(_ reading: Direction.Reading = .untilShort) throws -> Bool {
    direction.sourceTold(reading)
    switch direction.relay(from: sourceSocket, to: sinkSocket, by: &ferry) {
    case .waiting: return false
    case .sourceEnded: return true
    case .sourceFailed(let error), .sinkFailed(let error): throw error
    }
  }

  mutating func failsAtSink() -> Errno? {
    guard case .sinkFailed(let error) = direction.relay(from: sourceSocket, to: sinkSocket, by: &ferry) else {
      return nil
    }
    return error
  }

  /// Carries enough, and all of it, for the direction to know what it is.
  mutating func becomeBulk() throws {
    for _ in 0..<5 {
      source.send(150_000)
      try finish()
    }
  }

  /// Carries all that was sent.
  mutating func finish() throws {
    source.awaitArrival()
    // Over TCP not all of it need be there at once.
    for _ in 0..<10_000 where sink.received < source.sent {
      if source.hasArrived { _ = try relay() }
      try sink.receive()
    }
    try #require(sink.received == source.sent)
  }

  mutating func takeFerry() -> Ferry {
    var other = Ferry()
    swap(&other, &ferry)
    return other
  }

  mutating func close() {
    sinkSocket = .none
    ferry = Ferry()
  }
}

private func openPipes() -> Int {
  var pipes: Set<[CChar]> = []
  for number in 0..<256 {
    var target = [CChar](repeating: 0, count: 64)
    guard unsafe readlink("/proc/self/fd/\(number)", &target, 63) > 0 else { continue }
    if target.starts(with: "pipe:".utf8CString.dropLast()) { pipes.insert(target) }
  }
  return pipes.count
}
