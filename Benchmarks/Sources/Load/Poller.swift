import CBench
import Glibc

/// Level-triggered epoll, with a token of the caller's for each descriptor.
final class Poller {
  private let descriptor: Int32
  private let events: UnsafeMutablePointer<epoll_event>
  private static let capacity = 256

  init() throws(Failure) {
    descriptor = try checked("epoll_create1", epoll_create1(Int32(EPOLL_CLOEXEC)))
    events = .allocate(capacity: Self.capacity)
  }

  deinit {
    close(descriptor)
    events.deallocate()
  }

  func add(_ socket: Int32, _ interest: Interest, token: UInt64) throws(Failure) {
    try control(EPOLL_CTL_ADD, socket, interest, token)
  }

  func change(_ socket: Int32, _ interest: Interest, token: UInt64) throws(Failure) {
    try control(EPOLL_CTL_MOD, socket, interest, token)
  }

  func remove(_ socket: Int32) throws(Failure) {
    try control(EPOLL_CTL_DEL, socket, [], 0)
  }

  /// Waits for events, for at most `milliseconds`, and returns how many there are.
  @inline(__always)
  func wait(milliseconds: Int32) throws(Failure) -> Int {
    let count = epoll_wait(descriptor, events, Int32(Self.capacity), milliseconds)
    if count >= 0 { return Int(count) }
    if errno != EINTR { throw .of("epoll_wait") }
    try checkInterruption()
    return 0
  }

  @inline(__always)
  func token(_ index: Int) -> UInt64 {
    events[index].data.u64
  }

  struct Interest: OptionSet {
    let rawValue: UInt32
    static let reading = Interest(rawValue: EPOLLIN.rawValue)
    static let writing = Interest(rawValue: EPOLLOUT.rawValue)
  }

  private func control(_ operation: Int32, _ socket: Int32, _ interest: Interest, _ token: UInt64) throws(Failure) {
    var event = epoll_event(events: interest.rawValue, data: epoll_data_t(u64: token))
    _ = try checked("epoll_ctl", epoll_ctl(descriptor, operation, socket, &event))
  }
}
