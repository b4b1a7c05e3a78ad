import CBench
import Foundation
import Load

/// What clients with bad intent do. Each is told in the end what the contract says, or nothing.
enum Hostile: String, CaseIterable {
  /// A part of a hello, then a reset.
  case halfHello
  /// A part of a hello, and nothing more, until the proxy closes.
  case silence
  /// A byte now and then, which does not extend the time for the hello.
  case trickle
  /// No TLS at all, more of it than the proxy reads: alert 10.
  case garbage
  /// A length that does not fit: alert 50.
  case malformed
  /// Alert 109, alert 112, and alert 80 for a backend whose backlog is full.
  case nameless, unknown, backlogFull
  /// A reset in the middle of a transfer both ways.
  case resetMidway
  /// A large download of which nothing is ever read.
  case neverReads
  /// More connections at once than the proxy takes.
  case flood

  var threads: Int {
    switch self {
    case .flood, .unknown, .garbage, .malformed, .nameless: 1
    case .halfHello, .silence, .trickle, .backlogFull, .resetMidway, .neverReads: 2
    }
  }

  static func start(_ world: World) -> [DispatchGroup] {
    allCases.flatMap { kind in
      (0..<kind.threads).map { _ in
        running {
          while world.gate.enter() {
            let number = world.nextNumber()
            HostileSession(kind, world, number).run()
            world.gate.leave()
            // Floods come and go, so that there are times without one.
            usleep(UInt32(kind == .flood ? 6e6 * world.pace : 20_000))
          }
        }
      }
    }
  }
}

private struct HostileSession {
  let kind: Hostile
  let world: World
  let number: UInt64
  let byUnix: Bool
  let start = now()

  init(_ kind: Hostile, _ world: World, _ number: UInt64) {
    self.kind = kind
    self.world = world
    self.number = number
    byUnix = number & 7 == 0
  }

  func run() {
    do throws(Ending) {
      try act()
      world.tally.finish(kind.rawValue)
    } catch {
      world.tally.fail("\(kind)\(byUnix ? " by unix" : ""), session \(number): \(error)")
    }
  }

  private func act() throws(Ending) {
    if kind == .flood {
      world.floods.begin()
      defer { world.floods.end() }
      return try flood()
    }
    let (stream, place) = try world.connect(number, byUnix: byUnix)
    switch kind {
    case .halfHello:
      try stream.send(Array(hello(Name.plain).prefix(Int(1 + number % 300))))
      stream.closeWithReset()
    case .silence:
      try stream.send(Array(hello(Name.plain).prefix(Int(number % 60))))
      try expect(nil, stream)
    case .trickle:
      do throws(Ending) {
        for byte in hello(Name.plain).dropLast() {
          try stream.send([byte])
          usleep(30_000)
        }
      } catch .reset {
        return
      }
      try expect(nil, stream)
    case .garbage:
      // Above all, no first byte of a handshake record.
      try sendToWhoeverReads([UInt8](repeating: 0x2a, count: Int(1 + number % 200_000)), stream)
      try expect(10, stream)
    case .malformed:
      var bytes = hello(Name.plain)
      bytes[43] = 255
      try stream.send(bytes)
      try expect(50, stream)
    case .nameless:
      try stream.send(Self.namelessHello)
      try expect(109, stream)
    case .unknown:
      try stream.send(hello(Name.unknown))
      try expect(112, stream)
    case .backlogFull:
      try stream.send(hello(Name.full))
      try expect(80, stream)
    case .resetMidway:
      try sendRequest(stream, place, up: 5_000_000, down: 5_000_000)
      // Up to some place, and no further.
      let some = 1 + number * 7919 % 3_000_000
      let request = request(place, up: 5_000_000, down: 5_000_000)
      try stream.exchange(
        sending: request.upContent.part(after: 0, some), receiving: request.downContent.part(after: 0, some))
      stream.closeWithReset()
    case .neverReads:
      try sendRequest(stream, place, up: 0, down: 8_000_000)
      usleep(UInt32(3e6 * world.pace))
      if number & 1 == 0 { stream.closeWithReset() }
    case .flood: break
    }
  }

  /// As many again as the proxy takes, of which half say something; all leave together.
  private func flood() throws(Ending) {
    var clients: [Stream] = []
    for index in 0..<(2 * world.limit) {
      let client = try world.connect(number &+ UInt64(index), byUnix: false).0
      if index & 1 == 0 { try? client.send([22, 3, 1]) }
      clients.append(client)
    }
    usleep(UInt32(1e6 * world.pace))
  }

  private func hello(_ name: String) -> [UInt8] { world.hello(name, number) }

  private func request(_ place: Request.Place, up: UInt64, down: UInt64) -> Request {
    Request(.both, number: number, up: up, down: down, mayBeCut: true, hello: hello(Name.plain), client: place)
  }

  private func sendRequest(_ stream: Stream, _ place: Request.Place, up: UInt64, down: UInt64) throws(Ending) {
    try stream.send(hello(Name.plain))
    try stream.send(request(place, up: up, down: down).bytes)
  }

  /// The proxy may answer and close before all is sent.
  private func sendToWhoeverReads(_ bytes: [UInt8], _ stream: Stream) throws(Ending) {
    do throws(Ending) { try stream.send(bytes) } catch .reset {}
  }

  /// Nothing but this alert may come, or, with nil, nothing at all. While a flood takes every place, the proxy may close
  /// clients that have said nothing whole.
  private func expect(_ alert: UInt8?, _ stream: Stream) throws(Ending) {
    let words = try stream.lastWords()
    if words.isEmpty, alert == nil || world.floods.touched(since: start) { return }
    guard let said = Stream.alert(in: words), said == alert else {
      throw .failed("expected \(alert.map { "alert \($0)" } ?? "nothing"), got \(words)")
    }
  }

  /// The shortest ClientHello there is, without extensions.
  private static let namelessHello: [UInt8] =
    [22, 3, 1, 0, 45, 1, 0, 0, 41, 3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0x13, 0x01, 1, 0]
}
