import CLinux
import Glibc
import Kernel
import Wire

/// How a peer is reached.
enum Family: CaseIterable {
  case unix, internet

  var kind: StreamKind { self == .unix ? .unix : .tcp }
}

/// The other end of a socket that is relayed, in the test's hands. It sends a stream of known bytes and expects another
/// one, and never blocks.
final class Peer {
  /// Of the end that is relayed, whose owner is another.
  let relayed: Int32
  private var descriptor: Descriptor
  /// What it sends, and what it expects to receive.
  private let outgoing: SeededBytes
  private let incoming: SeededBytes

  private(set) var sent = 0
  private(set) var received = 0
  private(set) var hasFinished = false
  /// It has received the end of the stream.
  private(set) var hasEnd = false

  var number: Int32 { descriptor.number }

  init(_ family: Family, sending outgoing: Int = 0, expecting incoming: Int = 0) throws {
    let number: Int32
    switch family {
    case .unix:
      var ends: [Int32] = [-1, -1]
      let kind = linux_SOCK_STREAM | Int32(SOCK_NONBLOCK.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
      require(unsafe socketpair(AF_UNIX, kind, 0, &ends))
      (relayed, number) = (ends[0], ends[1])
    case .internet:
      let listener = try ListeningSocket(.internet(.v4([127, 0, 0, 1]), port: 0, scope: 0))
      number = require(socket(AF_INET, linux_SOCK_STREAM | Int32(SOCK_CLOEXEC.rawValue), 0))
      var address = sockaddr_storage()
      var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
      require(unsafe linux_getsockname(listener.number, &address, &length))
      require(unsafe linux_connect(number, &address, length))
      require(linux_fcntl(number, F_SETFL, O_RDWR | O_NONBLOCK))
      relayed = require(unsafe linux_accept(listener.number, &address, &length))
    }
    descriptor = Descriptor(owning: number)
    self.outgoing = SeededBytes(seed: outgoing)
    self.incoming = SeededBytes(seed: incoming)
  }

  /// Lets the kernel hold so much of what either end sends.
  func setBuffers(_ count: Int) {
    for number in [relayed, number] { set(number, SOL_SOCKET, SO_SNDBUF, Int32(count)) }
    if count > 1 << 20 { set(relayed, SOL_SOCKET, SO_RCVBUF, Int32(count)) }
  }

  /// The relayed end has something to read, be it the end.
  var hasArrived: Bool { relayedTells(POLLIN, within: 0) }

  func awaitArrival(withTheEnd: Bool = false) {
    require(relayedTells(withTheEnd ? Int32(linux_EPOLLRDHUP) : POLLIN, within: 20_000) ? 0 : -1)
  }

  private func relayedTells(_ events: Int32, within milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: relayed, events: Int16(events), revents: 0)
    return unsafe poll(&entry, 1, milliseconds) == 1
  }

  /// Gives the relayed end of TCP a congestion control (`TCP_CONGESTION`, tcp(7)); false where that is not allowed.
  func use(_ congestionControl: String) -> Bool {
    let length = socklen_t(congestionControl.utf8.count)
    return unsafe setsockopt(relayed, Int32(IPPROTO_TCP), TCP_CONGESTION, congestionControl, length) == 0
  }

  static func canUse(_ congestionControl: String) -> Bool {
    guard let peer = try? Peer(.internet) else { return false }
    defer { close(peer.relayed) }
    return peer.use(congestionControl)
  }

  /// Sends as much of so many bytes as there is room for. Urgent is the last of them.
  @discardableResult func send(_ count: Int, urgent: Bool = false) -> Int {
    let bytes = outgoing.bytes(at: sent, count: count)
    let flags = linux_MSG_NOSIGNAL | (urgent ? Int32(MSG_OOB) : 0)
    let taken = max(0, unsafe bytes.withUnsafeBytes { unsafe Glibc.send(number, $0.baseAddress!, $0.count, flags) })
    sent += taken
    return taken
  }

  /// Goes on as if so many bytes had been sent.
  func skip(_ count: Int) { sent += count }

  func finish() {
    guard !hasFinished else { return }
    shutdown(number, Int32(SHUT_WR))
    hasFinished = true
  }

  /// Bytes have come that it has not read.
  var hasUnread: Bool {
    var byte: UInt8 = 0
    return unsafe recv(number, &byte, 1, Int32(MSG_PEEK)) > 0
  }

  /// Closes its end, read or not.
  func leave() { descriptor = Descriptor(owning: -1) }

  func takeNoMore() { shutdown(number, Int32(SHUT_RD)) }

  /// Takes what is there, at most so many bytes, and gives how many that were.
  @discardableResult func receive(atMost most: Int = 1 << 18) throws(Surprise) -> Int {
    guard !hasEnd else { return 0 }
    var count = 0
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: most) { buffer, initialized in
      count = unsafe recv(number, buffer.baseAddress!, most, 0)
      initialized = max(0, count)
    }
    if count == 0 { hasEnd = true }
    guard count > 0 else {
      guard count == 0 || errno == EAGAIN else { throw Surprise("cannot receive: \(Errno(errno))") }
      return 0
    }
    guard incoming.contains(bytes, at: received) else { throw Surprise("wrong bytes from \(received) on") }
    received += count
    return count
  }

  /// Takes all until the end.
  func receiveAll() throws(Surprise) {
    while !hasEnd { try awaitSome() }
  }

  func receive(upTo count: Int) throws(Surprise) {
    while received < count, !hasEnd { try awaitSome() }
  }

  private func awaitSome() throws(Surprise) {
    var entry = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&entry, 1, 20_000) == 1 else { throw Surprise("nothing more after \(received) bytes") }
    try receive()
  }
}

/// What went wrong, in words.
struct Surprise: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// Bytes without end that look random, which both ends of a stream know when they know the seed.
struct SeededBytes {
  private let start: Int

  init(seed: Int) { start = seed &* 7919 % Self.period }

  /// The bytes from a place on; at most as many as a period has.
  func bytes(at place: Int, count: Int) -> ArraySlice<UInt8> {
    let first = (start + place) % Self.period
    return Self.block[first..<first + count]
  }

  func contains(_ bytes: [UInt8], at place: Int) -> Bool {
    let expected = self.bytes(at: place, count: bytes.count)
    return unsafe bytes.withUnsafeBytes { received in
      unsafe expected.withUnsafeBytes { unsafe memcmp(received.baseAddress!, $0.baseAddress!, $0.count) == 0 }
    }
  }

  /// A prime, so that no length of a buffer is in step with it.
  private static let period = 1_000_003
  private static let block: [UInt8] = {
    var generator = Dice(seed: 0)
    var bytes: [UInt8] = []
    bytes.reserveCapacity(2 * period + 8)
    while bytes.count < period { unsafe withUnsafeBytes(of: generator.next()) { unsafe bytes.append(contentsOf: $0) } }
    bytes.removeLast(bytes.count - period)
    return bytes + bytes
  }()
}

/// The generator of Steele, Lea and Flood (SplitMix64), which gives the same numbers for the same seed everywhere.
struct Dice: RandomNumberGenerator {
  private var state: UInt64

  init(seed: Int) { state = UInt64(seed) }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }

  /// True once in so many times.
  mutating func falls(oneIn times: Int) -> Bool { Int.random(in: 0..<times, using: &self) == 0 }
}

func set(_ number: Int32, _ level: Int32, _ option: Int32, _ value: Int32) {
  var value = value
  require(unsafe setsockopt(number, level, option, &value, socklen_t(MemoryLayout<Int32>.size)))
}

/// A result of the C library that the test itself cannot go on without.
@discardableResult func require(_ result: Int32) -> Int32 {
  precondition(result >= 0, unsafe String(cString: strerror(errno)))
  return result
}
