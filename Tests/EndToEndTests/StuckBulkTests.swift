import Foundation
import Testing

extension CrowdTests {
  /// Connections whose receivers stop for a while in the midst of bulk.
  @Suite(.scratch, .looksInside)
  struct StuckBulkTests {
    @Test(arguments: [Transport.ip4, .unix])
    func `hundreds that are stuck both ways and then go on leave nothing behind`(over transport: Transport) throws {
      _ = try raiseDescriptorLimit()
      let passage = try Passage(transport, options: ["--workers", "1"])
      let vitals = passage.proxy.vitals
      let before = try vitals.descriptors.count
      try vitals.expectSteadyMemory(within: Self.tolerance, of: "stuck bulk over \(transport)") { round in
        var exchanges: [StuckExchange] = []
        for _ in 0..<Self.exchanges { exchanges.append(try StuckExchange(passage)) }
        try StuckExchange.untilAllAreStuck(exchanges)
        if round == 2 { try vitals.expectRest() }
        try StuckExchange.untilAllHaveEnded(exchanges)
        // A pipe stays.
        try eventually("the descriptors of round \(round) to be closed") { try vitals.descriptors.count <= before + 2 }
      }
      try vitals.expectRest()
    }

    private static let exchanges = 70
    /// In KiB: a small part of what they hold while they are stuck.
    private static let tolerance = 1500
  }
}

/// A connection whose ends send more than the kernel holds.
private final class StuckExchange {
  private let ends: [Connection]
  private let stream = SeededBytes(seed: 1)
  private var sent = [0, 0]
  private var received = [0, 0]
  private var hasEnded = [false, false]

  init(_ passage: Passage) throws {
    let (client, backend) = try passage.connect()
    ends = [client, backend]
    for end in ends {
      for option in [SO_SNDBUF, SO_RCVBUF] {
        var size: Int32 = 100_000
        _ = unsafe setsockopt(end.descriptor, SOL_SOCKET, option, &size, socklen_t(MemoryLayout<Int32>.size))
      }
    }
  }

  /// Until nobody can send anything for a while.
  static func untilAllAreStuck(_ exchanges: [StuckExchange]) throws {
    var idle = Alarm(in: 0.2)
    while idle.remaining > 0 {
      var sent = 0
      for exchange in exchanges { sent += try exchange.send() }
      if sent > 0 { idle = Alarm(in: 0.2) } else { usleep(2000) }
    }
  }

  static func untilAllHaveEnded(_ exchanges: [StuckExchange]) throws {
    for exchange in exchanges { exchange.finish() }
    let alarm = Alarm(in: patience)
    while try exchanges.reduce(0, { try $0 + $1.receive() }) > 0 || !exchanges.allSatisfy(\.isOver) {
      guard alarm.remaining > 0 else { throw Failure("stuck for good") }
    }
    for exchange in exchanges {
      for end in exchange.ends { end.close() }
    }
  }

  private var isOver: Bool { hasEnded == [true, true] && received == sent.reversed() }

  private func send() throws -> Int {
    let before = sent
    for end in 0...1 { sent[end] += try ends[end].sendSome(stream.bytes(at: sent[end], count: 1 << 17)[...]) ?? 0 }
    return sent[0] - before[0] + sent[1] - before[1]
  }

  private func finish() {
    for end in ends { end.finishSending() }
  }

  private func receive() throws -> Int {
    var count = 0
    for end in 0...1 where !hasEnded[end] {
      switch try ends[end].receiveSome(1 << 18) {
      case nil: break
      case .bytes(let bytes):
        guard stream.contains(bytes, at: received[end]) else { throw Failure("wrong bytes from \(received[end]) on") }
        received[end] += bytes.count
        count += bytes.count
      case .ended(let ending):
        guard ending == .finished else { throw Failure("\(ending)") }
        hasEnded[end] = true
      }
    }
    return count
  }
}
