import Glibc
import Kernel

#if Systemd
  import CSystemd
#endif

/// The service manager that started this program, if there is one: sockets from it and notifications to it
/// (sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3)).
struct ServiceManager {
  /// False if nobody listens to notifications.
  let isThere: Bool
  /// How often it wants to hear that all is well, in nanoseconds; nil if it does not.
  let watchdogInterval: Int64?

  /// Reads and removes the variables that are meant for this process alone.
  init() {
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

  /// In microseconds: a year, so that no sum of times overflows.
  private static let longestInterval: UInt64 = 31_536_000_000_000

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

  /// Tells it something; nobody may be listening.
  func notify(_ state: String) {
    #if Systemd
      _ = unsafe sd_notify(0, state)
    #endif
  }
}
