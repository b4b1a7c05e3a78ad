internal import CHandoff
internal import Glibc

/// Receives clients that sniproxy hands over at a socket `tls-handoff`, one at a time.
///
/// ```swift
/// var listener = try HandoffListener(directory: "/srv/sniproxy/example.com", from: "sniproxy")
/// while true {
///   let client = try listener.next { print("not taken: \($0)") }
///   print("\(client.client) asks for \(client.serverName)")
///   serve(client.takeDescriptor())
/// }
/// ```
///
/// Only root and the named user may hand over. A peer that says nothing holds nobody up.
///
/// Processes may share one listening socket, each with a listener of its own, made after fork(2).
public struct HandoffListener: ~Copyable, Sendable {
  private let listening: OwnedDescriptor
  private let poller: OwnedDescriptor
  private let user: UInt32?
  /// Who has connected and not yet sent, the oldest first.
  private var silent: [Int32] = []

  /// Can be polled for reading (poll(2), epoll(7)): when it is ready, ``next(within:)`` with no time to wait may have a client.
  public var descriptor: Int32 { poller.number }

  /// Listens at `tls-handoff` in a host directory.
  ///
  /// A socket that nobody listens on any more is replaced, at once for all who look (rename(2)). The socket stays when the
  /// process ends, for others that share it; the next one replaces it. Needs /proc.
  ///
  /// - Parameters:
  ///   - directory: of any length.
  ///   - user: the user of the proxy, by name or number, who may hand over beside root.
  ///   - mode: of the socket: who may connect needs write permission.
  ///   - backlog: how many hand-offs may wait, at most what `net.core.somaxconn` says.
  public init(directory: String, from user: String? = nil, mode: UInt32 = 0o666, backlog: Int32 = 4096)
    throws(HandoffError)
  {
    let user = try Self.number(of: user)
    try self.init(user, Place(directory).listen(mode: mode, backlog: backlog))
  }

  /// Takes over a descriptor that listens already, and closes it at the end of its life. Where this fails, it stays the caller's.
  ///
  /// The open socket becomes non-blocking, for others that share it too.
  ///
  /// - Parameter user: see ``init(directory:from:mode:backlog:)``.
  public init(adopting descriptor: Int32, from user: String? = nil) throws(HandoffError) {
    guard handoff_is_listener(descriptor) == 1 else { throw .notAListener(descriptor: descriptor) }
    let user = try Self.number(of: user)
    guard handoff_set_nonblocking(descriptor) == 0, handoff_set_cloexec(descriptor) == 0 else {
      throw .current("taking over the listening socket", "descriptor \(descriptor)")
    }
    try self.init(user, OwnedDescriptor(number: descriptor))
  }

  /// Takes over the first socket that the service manager passed to this process (`ListenSequentialPacket=`, systemd.socket(5);
  /// sd_listen_fds(3)), and listens at `tls-handoff` in the directory if there is none.
  ///
  /// - Parameters:
  ///   - directory: see ``init(directory:from:mode:backlog:)``.
  ///   - user: see there.
  public init(passedOrIn directory: String, from user: String? = nil) throws(HandoffError) {
    guard Self.number("LISTEN_PID") == getpid(), let count = Self.number("LISTEN_FDS"), count > 0 else {
      try self.init(directory: directory, from: user)
      return
    }
    try self.init(adopting: 3, from: user)
  }

  private init(_ user: UInt32?, _ listening: consuming OwnedDescriptor) throws(HandoffError) {
    let poller = try Self.poller(for: listening)
    self.user = user
    self.listening = listening
    self.poller = poller
  }

  private static func poller(for listening: borrowing OwnedDescriptor) throws(HandoffError) -> OwnedDescriptor {
    let number = handoff_poller()
    guard number >= 0 else { throw .current("waiting for hand-offs", "epoll") }
    let poller = OwnedDescriptor(number: number)
    guard handoff_watch(number, listening.number) == 0 else {
      throw .current("waiting for hand-offs", "descriptor \(listening.number)")
    }
    return poller
  }

  deinit { for peer in silent { close(peer) } }

  /// The next client, waited for without end, also until this process may open files again (`EMFILE`).
  ///
  /// - Parameter report: is told of each message that was refused meanwhile.
  public mutating func next(refusing report: (Handoff.Refusal) -> Void = { _ in }) throws(HandoffError) -> Handoff {
    while true {
      do throws(HandoffError) {
        if let client = try next(until: nil, report) { return client }
      } catch {
        guard error.isShortage else { throw error }
        usleep(Self.pause)
      }
    }
  }

  /// The next client; nil if none comes within the time.
  ///
  /// - Parameters:
  ///   - limit: zero to take only what is there.
  ///   - report: is told of each message that was refused meanwhile.
  public mutating func next(within limit: Duration, refusing report: (Handoff.Refusal) -> Void = { _ in })
    throws(HandoffError) -> Handoff?
  {
    try next(until: ContinuousClock.now + limit, report)
  }

  private mutating func next(until deadline: ContinuousClock.Instant?, _ report: (Handoff.Refusal) -> Void)
    throws(HandoffError) -> Handoff?
  {
    var late = 0
    while true {
      // Those who hand over nothing may come without a pause.
      if let deadline, ContinuousClock.now >= deadline {
        guard late < Self.mostLate else { return nil }
        late += 1
      }
      let ready = handoff_wait(poller.number, Self.milliseconds(until: deadline))
      switch ready {
      case -1 where errno == EINTR: continue
      case -1: throw .current("waiting for hand-offs", "epoll")
      case -2:
        // A long time is waited for in parts.
        guard let deadline, ContinuousClock.now >= deadline else { continue }
        return nil
      case listening.number:
        if let peer = try accept(report), let client = try receive(from: peer, report) { return client }
      default:
        _ = try room()
        silent.removeAll { $0 == ready }
        if let client = try receive(from: ready, report) { return client }
      }
    }
  }

  /// A peer who may hand over; nil if there is none, or no more.
  private func accept(_ report: (Handoff.Refusal) -> Void) throws(HandoffError) -> Int32? {
    let room = try room()
    let peer = handoff_accept(listening.number)
    let error = errno
    _ = consume room
    guard peer >= 0 else {
      if [EAGAIN, EINTR, ECONNABORTED].contains(error) { return nil }
      throw .failed(action: "accepting a hand-off", subject: "descriptor \(listening.number)", code: error)
    }
    var owner: UInt32 = 0
    guard unsafe handoff_peer(peer, &owner) == 0, owner == 0 || owner == user && owner != Self.nobody else {
      close(peer)
      report(.stranger(user: owner))
      return nil
    }
    return peer
  }

  /// Holds the place of the descriptor that comes with a message: where there is none, the message waits, and is not lost.
  private func room() throws(HandoffError) -> OwnedDescriptor {
    let number = handoff_copy(poller.number)
    guard number >= 0 else { throw .current("receiving a hand-off", "descriptor \(listening.number)") }
    return OwnedDescriptor(number: number)
  }

  /// The client that the peer hands over; nil if it has not done so yet, or never will.
  private mutating func receive(from peer: Int32, _ report: (Handoff.Refusal) -> Void) throws(HandoffError) -> Handoff?
  {
    var raw = handoff_message()
    var message = [UInt8](repeating: 0, count: Self.longestMessage)
    let result = unsafe message.withUnsafeMutableBytes { unsafe handoff_receive(peer, $0.baseAddress!, $0.count, &raw) }
    if result != 0 && errno == EAGAIN {
      try keep(peer)
      return nil
    }
    close(peer)
    // A peer that ends without a message has looked whether somebody listens.
    guard result == 0, raw.length > 0 || raw.descriptors > 0 || raw.descriptors_were_cut != 0 else { return nil }
    do throws(Handoff.Refusal) {
      return try Self.client(raw, Array(message.prefix(raw.length)))
    } catch {
      report(error)
      return nil
    }
  }

  private static func client(_ raw: handoff_message, _ message: [UInt8]) throws(Handoff.Refusal) -> Handoff {
    let count = Int(raw.descriptors)
    guard count > 0 || raw.descriptors_were_cut != 0 else { throw .noDescriptor }
    guard count < 2 else { throw .severalDescriptors(count) }
    guard raw.descriptor >= 0 else { throw .cut }
    let owned = OwnedDescriptor(number: raw.descriptor)
    guard raw.bytes_were_cut == 0 else { throw .cut }
    return try Handoff(message, owned)
  }

  private mutating func keep(_ peer: Int32) throws(HandoffError) {
    guard handoff_watch(poller.number, peer) == 0 else {
      defer { close(peer) }
      throw .current("waiting for a hand-off", "epoll")
    }
    silent.append(peer)
    if silent.count > Self.mostSilent { close(silent.removeFirst()) }
  }

  private static func milliseconds(until deadline: ContinuousClock.Instant?) -> Int32 {
    guard let deadline else { return -1 }
    let left = (deadline - ContinuousClock.now) / .milliseconds(1)
    return left <= 0 ? 0 : Int32(min(left.rounded(.up), 60_000))
  }

  /// Of an environment variable.
  private static func number(_ variable: String) -> Int32? {
    guard let text = unsafe getenv(variable) else { return nil }
    return unsafe Int32(String(cString: text))
  }

  private static func number(of user: String?) throws(HandoffError) -> UInt32? {
    guard let user else { return nil }
    if let number = UInt32(user) { return number }
    var number: UInt32 = 0
    switch unsafe handoff_user(user, &number) {
    case 0: return number
    case -2: throw .noSuchUser(user)
    default: throw .current("looking up the user", user)
    }
  }

  /// A header takes less than 600 bytes.
  private static let longestMessage = 4096
  private static let mostSilent = 64
  private static let mostLate = 64
  /// In microseconds.
  private static let pause: UInt32 = 50_000
  /// Whoever the kernel has no number for in this user namespace (user_namespaces(7)).
  private static let nobody: UInt32 = 65534
}
