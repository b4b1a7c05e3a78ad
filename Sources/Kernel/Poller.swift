import CLinux
import Glibc

/// An epoll instance (epoll(7)) and the events of its last wait.
@safe package struct Poller: ~Copyable {
  private let descriptor: Descriptor
  private var events: [epoll_event]

  /// What to be told of. Hang-ups and errors are always told.
  package struct Interest: Sendable {
    let bits: UInt32

    /// For as long as there is something to read.
    package static var readable: Interest { Interest(bits: EPOLLIN.rawValue) }
    /// The same; of several pollers that wait for it, one is woken.
    package static var readableByOne: Interest { Interest(bits: EPOLLIN.rawValue | linux_EPOLLEXCLUSIVE) }
    /// When there is more to read, when it ends, and when it has urgent bytes: once each time.
    package static var arrivals: Interest {
      Interest(bits: EPOLLIN.rawValue | EPOLLPRI.rawValue | linux_EPOLLRDHUP | linux_EPOLLET)
    }
    /// When there is room, also when there is more of it: each time that the peer takes something (epoll(7), `EPOLLET`).
    package static var room: Interest { Interest(bits: EPOLLOUT.rawValue | linux_EPOLLET) }
    /// `arrivals`, and when more can be written.
    package static var arrivalsAndRoom: Interest { Interest(bits: arrivals.bits | EPOLLOUT.rawValue) }
  }

  /// What a socket told.
  package struct Readiness: Equatable, Sendable {
    private let bits: UInt32

    init(_ bits: UInt32) { self.bits = bits }

    package var isReadable: Bool { bits & EPOLLIN.rawValue != 0 }
    package var isWritable: Bool { bits & EPOLLOUT.rawValue != 0 }
    /// There are urgent bytes, at which a read stops.
    package var isUrgent: Bool { bits & EPOLLPRI.rawValue != 0 }
    /// The peer sends no more.
    package var hasEnded: Bool { bits & (linux_EPOLLRDHUP | EPOLLHUP.rawValue) != 0 }
    /// Neither side sends any more.
    package var hasHungUp: Bool { bits & EPOLLHUP.rawValue != 0 }
    package var hasFailed: Bool { bits & EPOLLERR.rawValue != 0 }
  }

  package struct Event {
    package let token: Token
    package let readiness: Readiness
  }

  /// The corresponding C function is `epoll_create1`.
  package init(eventsAtOnce: Int = 256) throws(Errno) {
    descriptor = Descriptor(owning: try call { epoll_create1(Int32(EPOLL_CLOEXEC)) })
    unsafe events = Array(repeating: epoll_event(), count: eventsAtOnce)
  }

  /// The corresponding C function is `epoll_ctl` with `EPOLL_CTL_ADD`.
  package func add(_ number: Int32, _ interest: Interest, _ token: Token) throws(Errno) {
    try control(EPOLL_CTL_ADD, number, interest, token)
  }

  /// The corresponding C function is `epoll_ctl` with `EPOLL_CTL_MOD`.
  package func modify(_ number: Int32, _ interest: Interest, _ token: Token) throws(Errno) {
    try control(EPOLL_CTL_MOD, number, interest, token)
  }

  /// The corresponding C function is `epoll_ctl` with `EPOLL_CTL_DEL`.
  package func remove(_ number: Int32) throws(Errno) {
    try control(EPOLL_CTL_DEL, number, .readable, Token(slot: 0, generation: 0, side: 0))
  }

  private func control(_ operation: Int32, _ number: Int32, _ interest: Interest, _ token: Token) throws(Errno) {
    var event = unsafe epoll_event()
    unsafe event.events = interest.bits
    unsafe event.data.u64 = token.bits
    try call { unsafe epoll_ctl(descriptor.number, operation, number, &event) }
  }

  /// Waits until something happens, or `timeout` milliseconds at most; -1 is for ever. Gives the number of events.
  ///
  /// The corresponding C function is `epoll_wait`. A signal counts as nothing having happened.
  package mutating func wait(milliseconds timeout: Int32) throws(Errno) -> Int {
    let number = descriptor.number
    let count = unsafe events.withUnsafeMutableBufferPointer {
      unsafe epoll_wait(number, $0.baseAddress!, Int32($0.count), timeout)
    }
    guard count >= 0 else {
      let error = Errno.current
      if error == .interrupted { return 0 }
      throw error
    }
    return Int(count)
  }

  package func event(_ index: Int) -> Event {
    let event = unsafe events[index]
    return unsafe Event(token: Token(bits: event.data.u64), readiness: Readiness(event.events))
  }
}

/// Whom an event is for. A slot's generation changes with its owner, so that a stale event finds nobody.
package struct Token: Equatable, Sendable {
  let bits: UInt64

  init(bits: UInt64) { self.bits = bits }

  /// - Precondition: `slot` fits in 32 bits, `generation` in 31, `side` is 0 or 1.
  package init(slot: Int, generation: UInt32, side: UInt32) {
    precondition(generation < 1 << 31 && side < 2)
    bits = UInt64(UInt32(slot)) << 32 | UInt64(generation) << 1 | UInt64(side)
  }

  package var slot: Int { Int(bits >> 32) }
  package var generation: UInt32 { UInt32(truncatingIfNeeded: bits) >> 1 }
  package var side: UInt32 { UInt32(truncatingIfNeeded: bits) & 1 }
}
