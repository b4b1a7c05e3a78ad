import CLinux
import Glibc
import Kernel
import Status
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
    var hasWriter = false
    var lines: [Line] = []
    /// Lines that there was no room for.
    var lost = 0
    var isWriting = false
    var clients = Ration()
    var program = Ration()
    /// Lines about clients that were over their ration.
    var withheld = 0
    var withheldTold: Int64 = 0
  }

  /// What can happen any number of times is rationed: so many lines at once, and so many a second in the long run.
  private struct Ration {
    private var left = 100
    private var filled: Int64 = 0

    mutating func take(now: Int64) -> Bool {
      let due = (now - filled) * 10 / 1_000_000_000
      if due > 0 {
        left = Int(min(100, Int64(left) + due))
        filled = now
      }
      guard left > 0 else { return false }
      left -= 1
      return true
    }
  }

  private let destination: Destination
  private let queue = Mutex(Queue())
  private let wakeup: Wakeup
  private let written: Wakeup

  init(to destination: Destination) throws(Errno) {
    self.destination = destination
    wakeup = try Wakeup()
    written = try Wakeup()
    if case .syslog = destination {
      unsafe openlog("sniproxy", LOG_PID | LOG_NDELAY, LOG_DAEMON)
      // Its lines have the local time: read here, while files can be opened.
      tzset()
    }
  }

  var isSyslog: Bool { if case .syslog = destination { true } else { false } }

  /// Starts to write what there is.
  func start(_ tally: LogTally = LogTally()) throws(Errno) {
    let isFirst = queue.withLock { queue in
      defer { queue.hasWriter = true }
      return !queue.hasWriter
    }
    if isFirst { try startThread("log") { [self] in run(tally) } }
  }

  /// `subject: what happened: why`.
  func write(_ level: Level, _ text: String) {
    let lines = text.split(separator: "\n").map { Line(level: level, text: String($0)) }
    queue.withLock { queue in
      guard queue.lines.count < Self.longestQueue else {
        queue.lost += lines.count
        return
      }
      queue.lines += lines
    }
    wakeup.signal()
  }

  /// A line that a client can cause as often as it likes.
  func writeOfClient(_ level: Level, _ text: @autoclosure () -> String) {
    let now = monotonicNow()
    let (isGranted, isFirst) = queue.withLock { queue in
      if queue.clients.take(now: now) { return (true, false) }
      queue.withheld += 1
      return (false, queue.withheld == 1)
    }
    if isGranted { write(level, text()) }
    // The thread that writes has to tell of it in a while.
    if isFirst { wakeup.signal() }
  }

  /// A line about the program itself that may come again and again. Clients cannot use up its ration.
  func writeOfProgram(_ level: Level, _ text: @autoclosure () -> String) {
    let now = monotonicNow()
    if queue.withLock({ $0.program.take(now: now) }) { write(level, text()) }
  }

  /// Waits until all is written, or `milliseconds` at most.
  func flush(milliseconds: Int64) {
    let end = monotonicNow() + milliseconds * 1_000_000
    queue.withLock { $0.withheldTold = 0 }
    wakeup.signal()
    while !queue.withLock({ $0.lines.isEmpty && !$0.isWriting && $0.lost == 0 && $0.withheld == 0 }) {
      let left = (end - monotonicNow()) / 1_000_000
      guard left > 0 else { return }
      written.wait(milliseconds: Int32(left))
    }
  }

  // MARK: - The thread that writes

  private func run(_ tally: LogTally) {
    /// Told after the next line that can be written.
    var lost = 0
    var isAtLineStart = true
    while true {
      let (lines, isWaitingToTell) = queue.withLock { queue in
        let lines = Self.take(from: &queue, tally, now: monotonicNow())
        queue.isWriting = !lines.isEmpty
        lost += queue.lost
        tally.had(.lost, queue.lost)
        queue.lost = 0
        return (lines, queue.withheld > 0)
      }
      if lines.isEmpty {
        written.signal()
        wakeup.wait(milliseconds: isWaitingToTell ? 1000 : -1)
        continue
      }
      for line in lines {
        let isWritten = put(line, &isAtLineStart)
        tally.had(isWritten ? .written : .lost)
        if !isWritten { lost += 1 }
      }
      if lost > 0 {
        let notice = "log: \(lost) lines lost: they could not be written in time"
        if put(Line(level: .warning, text: notice), &isAtLineStart) { lost = 0 }
      }
    }
  }

  private static func take(from queue: inout Queue, _ tally: LogTally, now: Int64) -> [Line] {
    var lines = queue.lines
    queue.lines = []
    if queue.withheld > 0, now - queue.withheldTold >= 1_000_000_000 {
      lines.append(
        Line(level: .warning, text: "log: \(queue.withheld) lines about clients left out: too many at once"))
      tally.had(.leftOut, queue.withheld)
      queue.withheld = 0
      queue.withheldTold = now
    }
    return lines
  }

  /// False if the line could not be written.
  private func put(_ line: Line, _ isAtLineStart: inout Bool) -> Bool {
    let text: String
    switch destination {
    case .syslog:
      unsafe linux_syslog(line.level.rawValue, line.text)
      return true
    case .journal: text = "<\(line.level.rawValue)>\(line.text)\n"
    case .standardError: text = "sniproxy: \(line.text)\n"
    }
    let bytes = Array(((isAtLineStart ? "" : "\n") + text).utf8)
    let count = writtenCount(bytes)
    if count > 0 { isAtLineStart = count == bytes.count }
    return count == bytes.count
  }

  private func writtenCount(_ bytes: [UInt8]) -> Int {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(STDERR_FILENO, $0.baseAddress!, $0.count) }
      if count > 0 {
        rest = rest.dropFirst(count)
      } else if errno == EAGAIN {
        var poller = pollfd(fd: STDERR_FILENO, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&poller, 1, -1)
      } else if errno != EINTR {
        break
      }
    }
    return bytes.count - rest.count
  }

  private static let longestQueue = 4096
}
