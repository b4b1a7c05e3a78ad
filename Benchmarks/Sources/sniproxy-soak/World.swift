import CBench
import Foundation
import Load
import Synchronization

/// What all threads of the load know: where the proxy listens, the names, the hellos, and what the run has come to.
final class World: Sendable {
  let tcp: UInt16
  let unix: String
  let tally = Tally()
  let gate = Gate()
  let floods = Floods()
  /// Multiplies the time of idle and slow sessions: 1 for a run of minutes, less for a short one.
  let pace: Double
  /// The most connections that the proxy takes at once.
  let limit: Int
  private let hellos: [String: [HelloTemplate]]
  private let numbers = Atomic<UInt64>(1)

  init(tcp: UInt16, unix: String, corpus: String, pace: Double, limit: Int) throws(Failure) {
    self.tcp = tcp
    self.unix = unix
    self.pace = pace
    self.limit = limit
    let templates = try HelloTemplate.corpus(at: corpus)
    hellos = Dictionary(
      uniqueKeysWithValues: (Name.all + [Name.unknown]).map { name in (name, templates.map { $0.naming(name) }) })
  }

  func nextNumber() -> UInt64 { numbers.add(1, ordering: .relaxed).oldValue }

  /// One of the real clients' hellos with this name, and the number in its random.
  func hello(_ name: String, _ number: UInt64) -> [UInt8] {
    let templates = hellos[name]!
    var bytes = templates[Int(number % UInt64(templates.count))].bytes
    for (index, place) in HelloTemplate.number.enumerated() {
      bytes[place] = UInt8(truncatingIfNeeded: number >> (8 * UInt64(index)))
    }
    return bytes
  }

  /// A connection to the proxy, by TCP from one of some addresses, so that there are always enough ports, or by the Unix
  /// listener.
  func connect(_ number: UInt64, byUnix: Bool) throws(Ending) -> (Stream, Request.Place) {
    let descriptor = bench_socket(byUnix ? AF_UNIX : AF_INET)
    guard descriptor >= 0 else { throw .failed("socket: \(String(cString: strerror(errno)))") }
    let stream = Stream(owning: descriptor)
    if byUnix {
      // A full backlog tells nobody when it has room again.
      let end = now() + UInt64(Stream.patience) * 1_000_000
      while bench_connect_unix(descriptor, unix) == -1 {
        guard errno == EAGAIN, now() < end else { throw .failed("connect to \(unix): \(Self.reason)") }
        usleep(10_000)
      }
      return (stream, .unix)
    }
    let result = bench_connect(descriptor, 0x7F00_0002 + UInt32(number % 50), tcp)
    guard result == 0 || errno == EINPROGRESS else { throw .failed("connect to port \(tcp): \(Self.reason)") }
    let ready = try stream.wait(POLLOUT)
    guard ready & (POLLERR | POLLHUP) == 0 else { throw .failed("the proxy refused the connection") }
    var yes: Int32 = 1
    setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
    var (address, port): (UInt32, UInt16) = (0, 0)
    guard bench_local_address(descriptor, &address, &port) == 0 else { throw .failed("getsockname: \(Self.reason)") }
    return (stream, .ip4(address: address, port: port, server: tcp))
  }

  private static var reason: String { String(cString: strerror(errno)) }
}

/// When there was a flood of clients last.
final class Floods: Sendable {
  private let state = Mutex((isOn: false, end: UInt64(0)))

  var isOn: Bool { state.withLock { $0.isOn } }

  func begin() { state.withLock { $0.isOn = true } }
  func end() { state.withLock { $0 = (false, now()) } }

  /// Whether there was one between this moment and now.
  func touched(since start: UInt64) -> Bool { state.withLock { $0.isOn || $0.end > start } }
}

/// The names that clients ask for, and what is behind each.
enum Name {
  /// A backend that is always there, without a header and with one of each version.
  static let plain = "plain.soak.test"
  static let version1 = "v1.soak.test"
  static let version2 = "v2.soak.test"
  /// Its entry is a link that is turned over all the time between a host directory with a flag and one without.
  static let swapped = "swap.soak.test"
  /// Its socket is a link that is turned over all the time between two backends.
  static let relinked = "relink.soak.test"
  /// Its backend is killed now and then.
  static let mortal = "mortal.soak.test"
  /// Its entry is taken away and put back all the time.
  static let flickering = "flicker.soak.test"
  /// Its backend accepts nobody, and its backlog is full.
  static let full = "full.soak.test"
  static let unknown = "nobody.soak.test"

  /// Those whose sessions never fail.
  static let steady = [plain, version1, version2, swapped, relinked]
  static let all = steady + [mortal, flickering, full]
}

/// Lets the load through, or holds it back until all is at rest.
final class Gate: Sendable {
  private let state = Mutex((inside: 0, isOpen: true, isOver: false))

  /// Waits while the gate is closed. False once the run is over.
  func enter() -> Bool {
    while true {
      let answer: Bool? = state.withLock { state in
        if state.isOver { return false }
        guard state.isOpen else { return nil }
        state.inside += 1
        return true
      }
      if let answer { return answer }
      usleep(20_000)
    }
  }

  func leave() { state.withLock { $0.inside -= 1 } }

  var inside: Int { state.withLock { $0.inside } }

  func close() { state.withLock { $0.isOpen = false } }
  func open() { state.withLock { $0.isOpen = true } }
  func end() { state.withLock { $0.isOver = true } }
}
