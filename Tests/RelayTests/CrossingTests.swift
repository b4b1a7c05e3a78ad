import Glibc
import Kernel
import Testing
import Wire

@testable import Relay

/// Connections between a client and a backend that send, stop, go on and end as a seed says, relayed as a session does it:
/// only when the kernel tells of something, and asked again only where it will not tell by itself.
@Suite struct CrossingTests {
  init() { _ = signal(SIGPIPE, SIG_IGN) }

  @Test(arguments: Family.allCases, [0, 1, 2, 3])
  func `nothing stalls, whatever a seed says`(_ client: Family, _ part: Int) {
    for seed in part * Self.seeds..<(part + 1) * Self.seeds {
      do {
        var crossing = try Crossing.make(client, seed: seed)
        try crossing.run()
      } catch {
        Issue.record("seed \(seed): \(error)")
      }
    }
  }

  private static let seeds = 30
}

/// One connection, with the part of a session and of its worker's loop.
private struct Crossing: ~Copyable {
  private var loop: Loop
  private let client: Player
  private let backend: Player
  private var dice: Dice

  static func make(_ family: Family, seed: Int) throws -> Crossing {
    let client = try Peer(family, sending: seed, expecting: seed + 1)
    let backend = try Peer(.unix, sending: seed + 1, expecting: seed)
    return try Crossing(family, client, backend, seed)
  }

  private init(_ family: Family, _ client: Peer, _ backend: Peer, _ seed: Int) throws {
    dice = Dice(seed: seed)
    if let size = [nil, 2000, 30_000, 300_000, 4_000_000, 4_000_000].randomElement(using: &dice)! {
      for peer in [client, backend] { peer.setBuffers(size) }
    }
    self.client = Player(client, hasUrgent: family == .internet, &dice)
    self.backend = Player(backend, hasUrgent: false, &dice)
    // As after a hello that was read into memory, or left in the kernel.
    let first = [0, 700, 100_000].randomElement(using: &dice)!
    self.client.hasSentBefore(first)
    let bytes = Array(SeededBytes(seed: seed).bytes(at: 0, count: first))
    loop = try Loop(family, client: client.relayed, backend: backend.relayed, sending: bytes)
  }

  mutating func run() throws {
    try loop.ask()
    for _ in 0..<Self.turns where loop.connection.state.ending == nil {
      try turn { [client, backend] (dice) throws(Surprise) in
        for player in [client, backend].shuffled(using: &dice) { try player.play(&dice) }
      }
    }
    // From here on nobody stops any more.
    var idle = 0
    while loop.connection.state.ending == nil {
      let before = progress
      try turn { [client, backend] (_) throws(Surprise) in
        for player in [client, backend] { try player.goOn() }
      }
      idle = progress == before ? idle + 1 : 0
      // A full TCP connection may wait for a timer of the kernel's.
      if idle > 3 { usleep(20_000) }
      guard idle < 150 else { throw Surprise("stalled: \(account)") }
    }
    guard loop.connection.state.ending == .close else { throw Surprise("ended badly: \(account)") }
    loop.close()
    for player in [client, backend] { try player.peer.receiveAll() }
    guard backend.peer.received == client.total, client.peer.received == backend.total else {
      throw Surprise("bytes are missing: \(account)")
    }
  }

  /// One turn of a worker's loop. The players do something before each event is served, so that it may be old by then.
  private mutating func turn(_ play: (inout Dice) throws(Surprise) -> Void) throws {
    let told = try told()
    try play(&dice)
    for event in told where loop.connection.state.ending == nil {
      try serve(event)
      if dice.falls(oneIn: 2) { try play(&dice) }
    }
  }

  private mutating func told() throws -> [Poller.Event] {
    let owed = owed
    var told: [Poller.Event] = []
    repeat {
      let news = try loop.told(within: owed.isEmpty ? 0 : 1000)
      told += news
      guard !news.isEmpty || owed.isEmpty else { throw Surprise("not told of \(owed): \(account)") }
    } while !owed.isSubset(of: told.lazy.filter(\.readiness.isReadable).map(\.token.side))
    return told
  }

  /// Whose bytes or end are there to be read, and must be told of.
  private var owed: Set<UInt32> {
    var owed: Set<UInt32> = []
    if loop.connection.state.readsClient, !loop.connection.upload.isHolding, client.peer.hasArrived {
      owed.insert(Loop.clientSide)
    }
    if loop.connection.state.readsBackend, !loop.connection.download.isHolding, backend.peer.hasArrived {
      owed.insert(Loop.backendSide)
    }
    return owed
  }

  private mutating func serve(_ event: Poller.Event) throws {
    let delivered = (loop.connection.upload.delivered, loop.connection.download.delivered)
    try loop.serve(event)
    // Only where others were to have their turn.
    if loop.connection.mustAskClient, loop.connection.upload.delivered - delivered.0 < Self.longestTurn {
      throw Surprise("the client is asked without need: \(account)")
    }
    if loop.connection.mustAskBackend, loop.connection.download.delivered - delivered.1 < Self.longestTurn {
      throw Surprise("the backend is asked without need: \(account)")
    }
    if loop.connection.state.ending == nil { try loop.ask() }
  }

  private var progress: [Int] {
    [client, backend].flatMap { [$0.peer.sent, $0.peer.received, $0.peer.hasFinished ? 1 : 0, $0.peer.hasEnd ? 1 : 0] }
  }

  private var account: String {
    let up = "up \(client.peer.sent) of \(client.total), \(backend.peer.received)"
    let down = "down \(backend.peer.sent) of \(backend.total), \(client.peer.received)"
    return "\(up); \(down); \(loop.connection.state)"
  }

  private static let turns = 150
  private static let longestTurn: UInt64 = 1 << 20
}

/// A client or a backend that does what the dice say.
private final class Player {
  let peer: Peer
  private let hasUrgent: Bool
  /// Of the whole stream, with what was sent before the relaying began.
  private(set) var total: Int
  /// Bytes in one go.
  private let piece: Int
  private let sip: Int
  /// The end comes together with the last bytes, not some time later.
  private let endsAtOnce: Bool
  /// For how many turns it does not read.
  private var pause = 0

  init(_ peer: Peer, hasUrgent: Bool, _ dice: inout Dice) {
    self.peer = peer
    self.hasUrgent = hasUrgent
    total = Int.random(in: 0...[0, 10_000, 1_000_000, 5_000_000, 5_000_000].randomElement(using: &dice)!, using: &dice)
    piece = [1000, 10_000, 200_000, 900_000].randomElement(using: &dice)!
    sip = [100, 10_000, 200_000, 900_000].randomElement(using: &dice)!
    endsAtOnce = dice.falls(oneIn: 2)
  }

  func hasSentBefore(_ count: Int) {
    peer.skip(count)
    total += count
  }

  func play(_ dice: inout Dice) throws(Surprise) {
    // Now and then all that there is room for.
    for _ in 0..<(dice.falls(oneIn: 8) ? 30 : 1) {
      send(Int.random(in: 1...piece, using: &dice), urgent: dice.falls(oneIn: 4))
    }
    if peer.sent == total, endsAtOnce || dice.falls(oneIn: 10) { peer.finish() }
    if pause > 0 {
      pause -= 1
    } else if dice.falls(oneIn: 2) {
      try peer.receive(atMost: Int.random(in: 1...sip, using: &dice))
    } else if dice.falls(oneIn: 10) {
      pause = Int.random(in: 1...40, using: &dice)
    }
  }

  func goOn() throws(Surprise) {
    send(piece, urgent: false)
    if peer.sent == total { peer.finish() }
    try peer.receive()
  }

  private func send(_ count: Int, urgent: Bool) {
    let count = min(count, total - peer.sent)
    if count > 0 { peer.send(count, urgent: urgent && hasUrgent) }
  }
}
