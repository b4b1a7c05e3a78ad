import Foundation
import Synchronization
import Testing

/// An entry, or the link to a socket, replaced by `rename` while clients come and go: each of them is served, wholly by the
/// old backend or wholly by the new one.
@Suite(.scratch)
struct SwapTests {
  @Test(arguments: [1, 2])
  func `an entry swapped under load`(workers: Int) throws {
    let homes = try Homes()
    try homes.add("plain").answer("plain")
    try homes.add("flagged", flags: .v1).answer("flagged")
    let hosts = try HostsDirectory()
    let clients = try Clients(hosts, workers: workers, link: "\(hosts.path)/test.test", to: homes.path("plain"))
    var swaps = 0
    try clients.run {
      swaps += 1
      try clients.swap(to: homes.path(swaps % 2 == 0 ? "plain" : "flagged"))
    }
    #expect(swaps >= Clients.fewest)
    #expect(clients.answers == ["plain without a header", "flagged with a header"])
  }

  @Test(arguments: [[], [HostsDirectory.Flag.v1]])
  func `a socket link swapped under load`(flags: [HostsDirectory.Flag]) throws {
    let homes = try Homes()
    try homes.add("left").answer("left")
    try homes.add("right").answer("right")
    let hosts = try HostsDirectory()
    let entry = try hosts.add("test.test")
    for flag in flags { try entry.add(flag) }
    let clients = try Clients(hosts, workers: 2, link: entry.socket, to: homes.path("left") + "/tls-socket")
    var swaps = 0
    try clients.run {
      swaps += 1
      try clients.swap(to: homes.path(swaps % 2 == 0 ? "left" : "right") + "/tls-socket")
    }
    #expect(swaps >= Clients.fewest)
    let header = flags.isEmpty ? "without a header" : "with a header"
    #expect(clients.answers == ["left \(header)", "right \(header)"])
  }

  /// The old backend stops listening right after the swap, and its directory goes, as in a deployment.
  @Test(arguments: [true, false])
  func `the old backend goes right after the swap`(wholeEntry: Bool) throws {
    let homes = try Homes()
    var present = try homes.add("h0")
    present.answer("h0")
    let hosts = try HostsDirectory()
    let link = wholeEntry ? "\(hosts.path)/test.test" : try hosts.add("test.test").socket
    let suffix = wholeEntry ? "" : "/tls-socket"
    let clients = try Clients(hosts, workers: 2, link: link, to: homes.path("h0") + suffix)
    var swaps = 0
    try clients.run {
      swaps += 1
      let flagged = wholeEntry && swaps % 2 == 1
      let next = try homes.add("h\(swaps)", flags: flagged ? [.v1] : [])
      next.answer("h\(swaps)")
      try clients.swap(to: homes.path("h\(swaps)") + suffix)
      try present.retire()
      present = next
      // The second look finds the new backend, but not the one after that.
      try clients.awaitThoseUnderway()
    }
    try present.retire()
    #expect(swaps >= Clients.fewest)
    for answer in clients.answers {
      let isFlagged = wholeEntry && (Int(answer.dropFirst().prefix { $0 != " " }) ?? 0) % 2 == 1
      #expect(answer.hasSuffix(isFlagged ? "with a header" : "without a header"), "\(answer)")
    }
  }
}

/// Clients that come without a break while something is swapped.
private final class Clients: Sendable {
  private let address: Address
  private let link: String
  private let seen = Mutex<(answers: Set<String>, count: Int)>(([], 0))
  /// How often each of those at once has been answered; as often as can be if it has failed.
  private let answered = Mutex([Int](repeating: 0, count: atOnce))

  init(_ hosts: HostsDirectory, workers: Int, link: String, to target: String) throws {
    self.link = link
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
    address = try Proxy(hosts, "--workers", "\(workers)").addresses[0]
  }

  /// What the backends answered.
  var answers: Set<String> { seen.withLock { $0.answers } }

  /// Swaps until there were enough clients and enough swaps.
  func run(_ swap: () throws -> Void) throws {
    let done = Mutex(false)
    let failures = Mutex<[any Error]>([])
    let threads = DispatchGroup()
    for index in 0..<Self.atOnce {
      Scratch.current.start(in: threads) {
        do {
          while !done.withLock({ $0 }) {
            try self.ask()
            self.answered.withLock { $0[index] += 1 }
          }
        } catch {
          failures.withLock { $0.append(error) }
          self.answered.withLock { $0[index] = .max }
        }
      }
    }
    defer {
      done.withLock { $0 = true }
      threads.wait()
    }
    let alarm = Alarm(in: 10 * patience)
    var swaps = 0
    while swaps < Self.fewest || seen.withLock({ $0.count < Self.fewest }) {
      try swap()
      swaps += 1
      if let failure = failures.withLock({ $0.first }) { throw failure }
      guard alarm.remaining > 0 else { throw Failure("only \(swaps) swaps") }
    }
  }

  /// Waits until all who are asking now have their answers.
  func awaitThoseUnderway() throws {
    let before = answered.withLock { $0 }
    try eventually("all clients to be answered") {
      zip(before, answered.withLock { $0 }).allSatisfy { $0 < $1 || $1 == .max }
    }
  }

  /// The corresponding call is `rename`.
  func swap(to target: String) throws {
    let next = link + ".next"
    try FileManager.default.createSymbolicLink(atPath: next, withDestinationPath: target)
    guard unsafe rename(next, link) == 0 else { throw Failure("cannot rename \(next): \(lastError)") }
  }

  private func ask() throws {
    let client = try Connection(unattended: address)
    defer { client.close() }
    try client.send(Passage.hello.bytes)
    let (bytes, ending) = try client.receiveAll()
    let answer = String(decoding: bytes, as: UTF8.self)
    guard answer.hasSuffix("a header"), ending == .finished else { throw Failure("got \(bytes), then \(ending)") }
    seen.withLock {
      $0.answers.insert(answer)
      $0.count += 1
    }
  }

  static let fewest = Sanitizer.rounds(3000)
  private static let atOnce = 4
}

/// Directories with backends, outside of the hosts directory.
private struct Homes {
  private let directory: HostsDirectory

  init() throws { directory = HostsDirectory(path: try Scratch.current.directory("homes")) }

  func path(_ name: String) -> String { "\(directory.path)/\(name)" }

  func add(_ name: String, flags: HostsDirectory.Flag...) throws -> Home { try add(name, flags: flags) }

  func add(_ name: String, flags: [HostsDirectory.Flag]) throws -> Home {
    let entry = try directory.add(name)
    for flag in flags { try entry.add(flag) }
    return Home(path: entry.path, listener: try Listener(in: entry.path))
  }
}

/// A backend that says who it is, and whether it got a PROXY header.
private final class Home: Sendable {
  private let path: String
  private let listener: Listener
  private let threads = DispatchGroup()

  init(path: String, listener: Listener) {
    self.path = path
    self.listener = listener
  }

  /// Serves one after the other, until it listens no more and nobody is left in the backlog.
  func answer(_ name: String) {
    Scratch.current.start(in: threads) { [listener] in
      while let connection = try? listener.acceptUnattended(within: 10 * patience) {
        try? Self.answer(name, connection)
        connection.close()
      }
    }
    Scratch.current.atEnd { try? self.retire() }
  }

  /// Listens no more, serves whom the kernel has connected, and goes.
  func retire() throws {
    shutdown(listener.descriptor, Int32(SHUT_RD))
    threads.wait()
    listener.close()
    try? FileManager.default.removeItem(atPath: path)
  }

  private static func answer(_ name: String, _ connection: Connection) throws {
    let hello = Passage.hello.bytes
    var received = try connection.receive(1)
    if received[0] == 22 {
      received += try connection.receive(hello.count - 1)
      try connection.send(received == hello ? "\(name) without a header" : "another hello")
    } else {
      while received.suffix(2) != [13, 10] { received += try connection.receive(1) }
      let isHeader = received.starts(with: Array("PROXY TCP4 127.0.0.1 127.0.0.1 ".utf8))
      let isHello = try connection.receive(hello.count) == hello
      try connection.send(isHeader && isHello ? "\(name) with a header" : "another header or hello")
    }
    connection.finishSending()
  }
}

extension Connection {
  /// A client that its maker closes.
  convenience init(unattended address: Address) throws {
    let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure("no socket: \(lastError)") }
    self.init(owning: descriptor)
    beBlocking()
    guard try address.connect(descriptor) == 0 else {
      let failure = Failure("cannot connect to \(address): \(lastError)")
      close()
      throw failure
    }
    beNonBlocking()
  }
}
