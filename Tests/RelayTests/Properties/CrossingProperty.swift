import CLinux
import Glibc
import Kernel
import Wire

@testable import Relay

/// What holds of a client and a backend that send, stop, end and leave as the bytes say. What arrives is what was sent, in
/// order. Nothing stalls. Who stays gets every byte that the other side wrote, and an end stops one direction only. How it
/// ends follows from who left, and how.
package func checkCrossing(_ script: [UInt8]) throws {
  _ = signal(SIGPIPE, SIG_IGN)
  var play = try Play.prepare(script)
  try play.run()
}

/// One play of a script, of which the first two bytes set the stage, and then each two are an act.
private struct Play: ~Copyable {
  var loop: Loop
  let client: Actor
  let backend: Actor
  let family: Family
  var script: ArraySlice<UInt8>
  /// When the backend left.
  var wasDownloadOpen = false

  static func prepare(_ script: [UInt8]) throws -> Play {
    let stage = script.first ?? 0
    let family: Family = stage % 8 == 1 ? .internet : .unix
    let client = try Peer(family, sending: 1, expecting: 2)
    let backend = try Peer(.unix, sending: 2, expecting: 1)
    if stage & 8 != 0 { for peer in [client, backend] { peer.setBuffers(2000) } }
    let first = size(script.dropFirst().first ?? 0)
    client.skip(first)
    let bytes = Array(SeededBytes(seed: 1).bytes(at: 0, count: first))
    var loop = try Loop(family, client: client.relayed, backend: backend.relayed, sending: bytes)
    try loop.ask()
    return Play(
      loop: loop, client: Actor(client), backend: Actor(backend), family: family,
      script: script.dropFirst(2).prefix(2 * mostActs))
  }

  mutating func run() throws {
    while let act = script.popFirst(), loop.connection.state.ending == nil {
      try perform(act, Self.size(script.popFirst() ?? 0))
    }
    var idle = 0
    while loop.connection.state.ending == nil {
      let before = progress
      for actor in [client, backend] where !actor.hasLeft {
        actor.peer.finish()
        try actor.receive(atMost: 1 << 18)
      }
      // Only TCP waits for timers of the kernel's.
      try turn(within: idle > 3 ? 20 : 0)
      idle = progress == before ? idle + 1 : 0
      guard idle < (family == .unix ? 10 : 200) else { throw Surprise("stalled: \(account)") }
    }
    try checkEnding()
    try checkDelivery()
  }

  private mutating func perform(_ act: UInt8, _ count: Int) throws {
    let actor = act & 1 == 0 ? client : backend
    switch act >> 1 & 7 {
    case 0, 1: actor.send(count)
    case 2: try actor.receive(atMost: max(1, count))
    case 3: actor.finish()
    case 4:
      // On TCP nobody hears of it.
      if actor === backend || family == .unix { actor.turnDeaf() }
    case 5:
      if actor === backend, !backend.hasLeft { wasDownloadOpen = loop.connection.state.download == .open }
      actor.leave()
    default: try turn(within: 0)
    }
  }

  private mutating func turn(within milliseconds: Int32) throws {
    for event in try loop.told(within: milliseconds) where loop.connection.state.ending == nil {
      try loop.serve(event)
      if loop.connection.state.ending == nil { try loop.ask() }
    }
  }

  private func checkEnding() throws(Surprise) {
    let ending = loop.connection.state.ending
    switch ending {
    case .close: break
    case .linger: if backend.takesAll { throw Surprise("lingers, though nobody has left: \(account)") }
    case .reset: if !backend.hasReset { throw Surprise("ends with a reset that nobody sent: \(account)") }
    case nil: throw Surprise("has not ended: \(account)")
    }
    if isOrderly, ending != .close { throw Surprise("all went well, and yet: \(account)") }
    if backend.hasReset, wasDownloadOpen, client.takesAll, ending != .reset {
      throw Surprise("a reset was lost: \(account)")
    }
  }

  private mutating func checkDelivery() throws(Surprise) {
    loop.push()
    if client.takesAll {
      try client.peer.receive(upTo: backend.peer.sent)
      if client.peer.received != backend.peer.sent { throw Surprise("the client has not got all: \(account)") }
    }
    if backend.takesAll, !loop.connection.state.clientWasReset {
      try backend.peer.receive(upTo: client.peer.sent)
      if backend.peer.received != client.peer.sent { throw Surprise("the backend has not got all: \(account)") }
    }
    loop.close()
    if isOrderly { for actor in [client, backend] { try actor.peer.receiveAll() } }
  }

  private var isOrderly: Bool { client.takesAll && backend.takesAll }

  private var progress: [Int] {
    [client.peer.received, backend.peer.received, client.peer.hasEnd ? 1 : 0, backend.peer.hasEnd ? 1 : 0]
  }

  private var account: String {
    let up = "up \(client.peer.sent), \(backend.peer.received)"
    let down = "down \(backend.peer.sent), \(client.peer.received)"
    return "\(up); \(down); \(loop.connection.state), \(String(describing: loop.connection.state.ending))"
  }

  /// From nothing to more than a turn.
  private static func size(_ byte: UInt8) -> Int { Int(byte & 15) << Int(byte >> 4) }

  private static let mostActs = 60
}

/// A client or a backend, and what it has done to the other.
private final class Actor {
  let peer: Peer
  private(set) var hasLeft = false
  private(set) var isDeaf = false
  /// It has left with bytes unread, which the kernel reports as a reset.
  private(set) var hasReset = false

  init(_ peer: Peer) { self.peer = peer }

  /// It takes to the end what comes.
  var takesAll: Bool { !hasLeft && !isDeaf }

  func send(_ count: Int) { if !hasLeft, !peer.hasFinished, count > 0 { peer.send(count) } }

  func finish() { if !hasLeft { peer.finish() } }

  func receive(atMost count: Int) throws { if takesAll { try peer.receive(atMost: count) } }

  func turnDeaf() {
    guard !hasLeft else { return }
    isDeaf = true
    peer.takeNoMore()
  }

  func leave() {
    guard !hasLeft else { return }
    hasReset = peer.hasUnread
    hasLeft = true
    peer.leave()
  }
}
