import CLinux
import Glibc
import Kernel
import Synchronization

/// The log: one event a line, written by a thread of its own, so that a log that blocks never makes a client wait.
final class Log: Sendable {
  /// As in syslog(3).
  enum Level: Int32, Sendable {
    case critical = 2
    case error = 3
    case warning = 4
    case notice = 5
    case info = 6
  }

  enum Destination: Sendable {
    case standardError
    /// Standard error is the journal: each line begins with its level (sd-daemon(3)).
    case journal
    case syslog
  }

  private struct Line {
    let level: Level
    let text: String
  }

  private struct Queue {
    var lines: [Line] = []
    var lost = 0
    var isWriting = false
    /// What a client can cause is rationed: at most `burst` lines at once and `perSecond` in the long run.
    var ration = Log.burst
    var rationed: Int64 = 0
    var withheld = 0
  }

  private let destination: Destination
  private let queue = Mutex(Queue())
  private let wakeup: Wakeup
  private let written: Wakeup

  init(to destination: Destination) throws(Errno) {
    self.destination = destination
    wakeup = try Wakeup()
    written = try Wakeup()
    if case .syslog = destination { unsafe openlog("sniproxy", LOG_PID | LOG_NDELAY, LOG_DAEMON) }
    try startThread("log") { [self] in run() }
  }

  /// `subject: what happened: why`.
  func write(_ level: Level, _ text: String) {
    queue.withLock { queue in
      guard queue.lines.count < Self.longestQueue else {
        queue.lost += 1
        return
      }
      queue.lines.append(Line(level: level, text: text))
    }
    wakeup.signal()
  }

  /// A line that a client can cause as often as it likes.
  func writeRationed(_ level: Level, _ text: @autoclosure () -> String) {
    let now = monotonicNow()
    let grant = queue.withLock { queue -> (granted: Bool, withheld: Int) in
      let due = (now - queue.rationed) * Self.perSecond / 1_000_000_000
      if due > 0 {
        queue.ration = Int(min(Int64(Self.burst), Int64(queue.ration) + due))
        queue.rationed = now
      }
      guard queue.ration > 0 else {
        queue.withheld += 1
        return (false, 0)
      }
      queue.ration -= 1
      defer { queue.withheld = 0 }
      return (true, queue.withheld)
    }
    guard grant.granted else { return }
    if grant.withheld > 0 { write(.warning, "log: \(grant.withheld) lines about clients left out: too many at once") }
    write(level, text())
  }

  /// Waits until all is written, or `milliseconds` at most.
  func flush(milliseconds: Int64) {
    let end = monotonicNow() + milliseconds * 1_000_000
    writeWithheld()
    while !queue.withLock({ $0.lines.isEmpty && !$0.isWriting && $0.lost == 0 }) {
      let left = (end - monotonicNow()) / 1_000_000
      guard left > 0 else { return }
      wait(for: written, milliseconds: Int32(left))
    }
  }

  private func writeWithheld() {
    let withheld = queue.withLock { queue in
      defer { queue.withheld = 0 }
      return queue.withheld
    }
    if withheld > 0 { write(.warning, "log: \(withheld) lines about clients left out: too many at once") }
  }

  // MARK: - The thread that writes

  private func run() {
    while true {
      let (lines, lost) = queue.withLock { queue in
        queue.isWriting = !queue.lines.isEmpty || queue.lost > 0
        defer {
          queue.lines = []
          queue.lost = 0
        }
        return (queue.lines, queue.lost)
      }
      if lines.isEmpty, lost == 0 {
        written.signal()
        wait(for: wakeup, milliseconds: -1)
        continue
      }
      for line in lines { put(line) }
      if lost > 0 { put(Line(level: .warning, text: "log: \(lost) lines lost: the log was blocked")) }
    }
  }

  /// A line that cannot be written, as to a full disk, is lost: there is nowhere to say so.
  private func put(_ line: Line) {
    switch destination {
    case .syslog: unsafe linux_syslog(line.level.rawValue, line.text)
    case .journal: writeAll("<\(line.level.rawValue)>\(line.text)\n")
    case .standardError: writeAll("sniproxy: \(line.text)\n")
    }
  }

  private func writeAll(_ text: String) {
    var bytes = Array(text.utf8)[...]
    while !bytes.isEmpty {
      let count = unsafe bytes.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress!, $0.count) }
      if count > 0 {
        bytes = bytes.dropFirst(count)
      } else if errno == EAGAIN {
        var poller = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&poller, 1, -1)
      } else if errno != EINTR {
        return
      }
    }
  }

  private func wait(for wakeup: borrowing Wakeup, milliseconds: Int32) {
    var poller = pollfd(fd: wakeup.number, events: Int16(POLLIN), revents: 0)
    _ = unsafe poll(&poller, 1, milliseconds)
    wakeup.clear()
  }

  private static let longestQueue = 4096
  private static let burst = 100
  private static let perSecond: Int64 = 10
}
