import Glibc
import Kernel
import Synchronization

#if Systemd
  import CSystemd
#endif

/// The service manager that started this program, if there is one: sockets from it and notifications to it
/// (sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3)).
final class ServiceManager: Sendable {
  /// False if nobody listens to notifications.
  let isThere: Bool
  /// How often it wants to hear that all is well, in nanoseconds; nil if it does not.
  let watchdogInterval: Int64?

  private struct Notifications {
    var waiting: [String] = []
    var areBeingSent = false
  }

  private let notifications = Mutex(Notifications())
  private let wakeup: Wakeup
  private let sent: Wakeup

  /// Reads and removes the variables that are meant for this process alone.
  init() throws(Errno) {
    wakeup = try Wakeup()
    sent = try Wakeup()
    #if Systemd
      isThere = unsafe getenv("NOTIFY_SOCKET") != nil
      var microseconds: UInt64 = 0
      let asked = unsafe sd_watchdog_enabled(1, &microseconds) > 0
      watchdogInterval = asked ? Int64(min(microseconds, Self.longestInterval)) * 1000 : nil
    #else
      isThere = false
      watchdogInterval = nil
    #endif
  }

  /// From now on it is told what there is to tell.
  func start() throws(Errno) {
    #if Systemd
      if isThere { try startThread("notify") { [self] in sendNotifications() } }
    #endif
  }

  /// How many descriptors it passed, from 3 on.
  static var passedCount: Int32 {
    #if Systemd
      max(0, sd_listen_fds(0))
    #else
      0
    #endif
  }

  /// The descriptors that it passed, in its order.
  func passedDescriptors() throws(Errno) -> [Int32] {
    #if Systemd
      let count = sd_listen_fds(1)
      guard count >= 0 else { throw Errno(-count) }
      return (0..<count).map { SD_LISTEN_FDS_START + $0 }
    #else
      return []
    #endif
  }

  /// Tells it something, without waiting for it to listen.
  func notify(_ state: String) {
    guard isThere else { return }
    notifications.withLock { if $0.waiting.count < Self.mostNotifications { $0.waiting.append(state) } }
    wakeup.signal()
  }

  /// Waits until it has been told everything, or `milliseconds` at most.
  func flush(milliseconds: Int64) {
    let end = monotonicNow() + milliseconds * 1_000_000
    while isThere, notifications.withLock({ $0.areBeingSent || !$0.waiting.isEmpty }) {
      let left = (end - monotonicNow()) / 1_000_000
      guard left > 0 else { return }
      sent.wait(milliseconds: Int32(left))
    }
  }

  #if Systemd
    /// A manager that does not read holds up nobody but this thread.
    private func sendNotifications() {
      while true {
        let states = notifications.withLock { notifications in
          defer { notifications.waiting = [] }
          notifications.areBeingSent = !notifications.waiting.isEmpty
          return notifications.waiting
        }
        for state in states { _ = unsafe sd_notify(0, state) }
        if states.isEmpty {
          sent.signal()
          wakeup.wait()
        }
      }
    }
  #endif

  private static let mostNotifications = 16
  /// In microseconds: a year, so that no sum of times overflows.
  private static let longestInterval: UInt64 = 31_536_000_000_000
}
