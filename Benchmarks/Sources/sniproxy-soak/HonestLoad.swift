import CBench
import Foundation
import Load

/// The kinds of session that clients without bad intent have.
enum Honest: String, CaseIterable {
  case short, pingPong, bulk, upload, download, answerAfterEnd, uploadAfterEnd, idle, slowReader, slowHello

  /// How many threads do nothing else.
  var threads: Int {
    switch self {
    case .short: 6
    case .pingPong, .idle: 4
    case .bulk, .upload, .download, .answerAfterEnd, .uploadAfterEnd, .slowReader, .slowHello: 2
    }
  }

  /// Starts the threads. Each takes session after session until the gate says that it is over.
  static func start(_ world: World) -> [DispatchGroup] {
    allCases.flatMap { kind in
      (0..<kind.threads).map { _ in
        running {
          while world.gate.enter() {
            HonestSession(kind, world, world.nextNumber()).run()
            world.gate.leave()
          }
        }
      }
    }
  }
}

/// Runs the body in a thread; the group is empty once it has ended.
func running(_ body: @escaping @Sendable () -> Void) -> DispatchGroup {
  let group = DispatchGroup()
  group.enter()
  let thread = Thread {
    body()
    group.leave()
  }
  thread.stackSize = 512 * 1024
  thread.start()
  return group
}

/// One session of an honest client, from connect to the backend's last word.
private struct HonestSession {
  let kind: Honest
  let world: World
  let number: UInt64
  let name: String
  let byUnix: Bool
  let start = now()

  init(_ kind: Honest, _ world: World, _ number: UInt64) {
    self.kind = kind
    self.world = world
    self.number = number
    // Different kinds go through the names in a different order.
    var mixed = (number ^ number >> 31) &* 0x9E37_79B9_7F4A_7C15
    mixed ^= mixed >> 29
    let names = Name.steady + [Name.mortal, Name.flickering]
    name = names[Int(mixed % UInt64(names.count))]
    byUnix = mixed >> 32 & 7 == 0
  }

  func run() {
    do throws(Ending) {
      let (up, down) = try talk()
      world.tally.finish(kind.rawValue, up: up, down: down)
    } catch {
      judge(error)
    }
    usleep(kind == .short ? 2_000 : 5_000)
  }

  /// A killed backend may cut a session, a missing one may be told as an alert, and in a flood of clients the proxy may
  /// close those whose hello it has not heard to the end. Nothing else may happen, ever.
  private func judge(_ ending: Ending) {
    switch (name, ending) {
    case (Name.mortal, .ended), (Name.mortal, .reset), (Name.mortal, .unheard), (Name.mortal, .refused(alert: 80)):
      world.tally.cut()
    case (Name.flickering, .refused(alert: 112)): world.tally.cut()
    case (_, .unheard) where world.floods.touched(since: start): world.tally.crowdOut()
    default: world.tally.fail("\(kind) of \(name)\(byUnix ? " by unix" : ""), session \(number): \(ending)")
    }
  }

  private func talk() throws(Ending) -> (up: UInt64, down: UInt64) {
    let (stream, place) = try world.connect(number, byUnix: byUnix)
    do throws(Ending) { return try talk(over: stream, place) } catch { throw stream.judged(error) }
  }

  private func talk(over stream: Stream, _ place: Request.Place) throws(Ending) -> (up: UInt64, down: UInt64) {
    let hello = world.hello(name, number)
    if kind == .slowHello {
      // In some hundred segments, most of a byte.
      for byte in hello.prefix(100) {
        try stream.send([byte])
        usleep(300)
      }
      try stream.send(Array(hello.dropFirst(100)))
    } else {
      // In two pieces at any place, or in one.
      let cut = Int(number % UInt64(hello.count))
      try stream.send(Array(hello[..<cut]))
      try stream.send(Array(hello[cut...]))
    }
    let request = request(hello, place)
    try stream.send(request.bytes)
    try talk(request, over: stream)
    return (request.up, request.down)
  }

  private func request(_ hello: [UInt8], _ place: Request.Place) -> Request {
    // Every length comes up, small ones more often.
    let some = 1 + ((number &* 0x2545_F491_4F6C_DD1D) >> 32) % 65_536
    let much = 100_000 + some * 60
    func make(_ plan: Request.Plan, _ up: UInt64, _ down: UInt64, halfCloses: Bool = true) -> Request {
      Request(plan, number: number, up: up, down: down, halfCloses: halfCloses, hello: hello, client: place)
    }
    return switch kind {
    case .short, .slowHello: make(.both, number % 3 * 100, some % 3000, halfCloses: number % 2 == 0)
    case .pingPong: make(.pingPong, 200 * Request.messageSize, 200 * Request.messageSize)
    case .idle: make(.pingPong, 3 * Request.messageSize, 3 * Request.messageSize)
    case .bulk: make(.both, much, much)
    case .upload: make(.both, much, 0)
    case .download: make(.both, 0, much, halfCloses: number % 2 == 0)
    case .answerAfterEnd: make(.answerAfterEnd, much, much)
    case .uploadAfterEnd: make(.uploadAfterEnd, much, some)
    case .slowReader: make(.both, 0, 300_000 + some)
    }
  }

  private func talk(_ request: Request, over stream: Stream) throws(Ending) {
    let (up, down) = (request.upContent, request.downContent)
    switch request.plan {
    case .both:
      let isSlow = kind == .slowReader
      try stream.exchange(
        sending: up, receiving: down, halfClosing: request.halfCloses,
        pause: isSlow ? UInt32(20_000 * world.pace) : 0, piece: isSlow ? 2048 : Stream.bufferSize)
    case .answerAfterEnd:
      try stream.exchange(sending: up, halfClosing: true)
      try stream.exchange(receiving: down)
    case .uploadAfterEnd:
      try stream.exchange(receiving: down)
      try stream.expectEnd()
      return try stream.exchange(sending: up, halfClosing: true)
    case .pingPong:
      for offset in stride(from: 0, to: up.count, by: Int(Request.messageSize)) {
        if kind == .idle { usleep(UInt32(4e6 * world.pace)) }
        try stream.exchange(sending: up.part(after: offset, Request.messageSize))
        try stream.exchange(receiving: down.part(after: offset, Request.messageSize))
      }
    }
    guard try stream.receive(Request.receiptSize) == request.receipt else { throw .wrong("another receipt") }
    try stream.expectEnd()
  }
}
