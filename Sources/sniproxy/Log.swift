import CLinux
import Glibc
import Kernel
import Status
import Synchronization
import Wire

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
    /// Standard error is the journal: each line begins with its level (sd-daemon(3)). What has fields goes to the journal's
    /// own socket instead, where it can be reached.
    case journal
    case syslog
  }

  private struct Queue {
    var hasWriter = false
    var entries: [LogEntry] = []
    var waiting = Counts()
    /// Entries that there was no room for.
    var lost = Counts()
    var isWriting = false
    var clients = Ration()
    var program = Ration()
    var withheldTold: Int64 = 0
    /// Every line that is dropped is counted here at once, also while the log is stuck.
    var tally = LogTally()

    mutating func drop(_ entry: LogEntry) {
      lost[entry] += 1
      tally.had(entry.isAccess ? .accessLost : .lost)
    }

    /// Lines that were over their ration.
    var withheld: Int { clients.withheld + program.withheld }

    /// Takes a line of the ration; where there is none left, it is counted as left out.
    mutating func take(_ ration: WritableKeyPath<Queue, Ration>, now: Int64) -> Bool {
      if self[keyPath: ration].take(now: now) { return true }
      self[keyPath: ration].withheld += 1
      tally.had(.leftOut)
      return false
    }

    /// Counts there from now on, with what was dropped before.
    mutating func count(in tally: LogTally) {
      self.tally = tally
      tally.had(.lost, lost.others)
      tally.had(.accessLost, lost.access)
      tally.had(.leftOut, withheld)
    }
  }

  /// Of connections that finish and of all else: the ones do not take the others' room.
  private struct Counts {
    var access = 0
    var others = 0

    subscript(_ entry: LogEntry) -> Int {
      get { entry.isAccess ? access : others }
      set { if entry.isAccess { access = newValue } else { others = newValue } }
    }

    var isZero: Bool { access == 0 && others == 0 }

    static func += (sum: inout Counts, more: Counts) {
      sum.access += more.access
      sum.others += more.others
    }
  }

  /// What can happen any number of times is rationed: so many lines at once, and so many a second in the long run.
  private struct Ration {
    /// What it had no room for, and was not told yet.
    var withheld = 0
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
  /// nil where it is not used or cannot be reached.
  private let journal: Journal?
  private let queue = Mutex(Queue())
  private let wakeup: Wakeup
  private let written: Wakeup

  init(to destination: Destination) throws(Errno) {
    self.destination = destination
    wakeup = try Wakeup()
    written = try Wakeup()
    journal = if case .journal = destination { try? Journal() } else { nil }
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
      guard !queue.hasWriter else { return false }
      queue.hasWriter = true
      queue.count(in: tally)
      return true
    }
    if isFirst { try startThread("log") { [self] in run(tally) } }
  }

  /// `subject: what happened: why`.
  func write(_ level: Level, _ text: String) {
    for line in text.split(separator: "\n") { write(LogEntry(level: level, content: .line(String(line)))) }
  }

  func write(_ entry: LogEntry) {
    queue.withLock { queue in
      guard queue.waiting[entry] < Self.longestQueue else {
        queue.drop(entry)
        return
      }
      queue.waiting[entry] += 1
      queue.entries.append(entry)
    }
    wakeup.signal()
  }

  /// An entry that a client can cause as often as it likes.
  func writeOfClient(_ entry: @autoclosure () -> LogEntry) {
    if isGranted(\.clients) { write(entry()) }
  }

  /// A line about the program itself that may come again and again. Clients cannot use up its ration.
  func writeOfProgram(_ level: Level, _ text: @autoclosure () -> String) {
    if isGranted(\.program) { write(level, text()) }
  }

  private func isGranted(_ ration: WritableKeyPath<Queue, Ration>) -> Bool {
    let now = monotonicNow()
    let (isGranted, isFirst) = queue.withLock { queue in
      queue.take(ration, now: now) ? (true, false) : (false, queue.withheld == 1)
    }
    // The thread that writes has to tell of it in a while.
    if isFirst { wakeup.signal() }
    return isGranted
  }

  /// Waits until all is written, or `milliseconds` at most.
  func flush(milliseconds: Int64) {
    let end = monotonicNow() + milliseconds * 1_000_000
    queue.withLock { $0.withheldTold = 0 }
    wakeup.signal()
    while !queue.withLock({ $0.entries.isEmpty && !$0.isWriting && $0.lost.isZero && $0.withheld == 0 }) {
      let left = (end - monotonicNow()) / 1_000_000
      guard left > 0 else { return }
      written.wait(milliseconds: Int32(left))
    }
  }

  // MARK: - The thread that writes

  private func run(_ tally: LogTally) {
    /// Told after the next entry that can be written.
    var lost = Counts()
    var isAtLineStart = true
    while true {
      let (entries, isWaitingToTell) = queue.withLock { queue in
        let entries = Self.take(from: &queue, now: monotonicNow())
        queue.isWriting = !entries.isEmpty
        lost += queue.lost
        queue.lost = Counts()
        return (entries, queue.withheld > 0)
      }
      if entries.isEmpty {
        written.signal()
        wakeup.wait(milliseconds: isWaitingToTell ? 1000 : -1)
        continue
      }
      for entry in entries {
        if put(entry, &isAtLineStart) {
          tally.had(.written)
        } else {
          lost[entry] += 1
          queue.withLock { $0.tally.had(entry.isAccess ? .accessLost : .lost) }
        }
      }
      if put(loss: lost.others, of: "line", &isAtLineStart) { lost.others = 0 }
      if put(loss: lost.access, of: "access line", &isAtLineStart) { lost.access = 0 }
    }
  }

  private static func take(from queue: inout Queue, now: Int64) -> [LogEntry] {
    var entries = queue.entries
    queue.entries = []
    queue.waiting = Counts()
    if queue.withheld > 0, now - queue.withheldTold >= 1_000_000_000 {
      for (ration, subject) in [(\Queue.clients, "clients"), (\.program, "sniproxy itself")] {
        let count = queue[keyPath: ration].withheld
        guard count > 0 else { continue }
        let notice = "log: \(counted(count, "line")) about \(subject) left out: too many at once"
        entries.append(LogEntry(level: .warning, content: .line(notice)))
        queue[keyPath: ration].withheld = 0
      }
      queue.withheldTold = now
    }
    return entries
  }

  private static func counted(_ count: Int, _ what: String) -> String { "\(count) \(what)\(count == 1 ? "" : "s")" }

  private func put(loss count: Int, of what: String, _ isAtLineStart: inout Bool) -> Bool {
    guard count > 0 else { return true }
    let notice = "log: \(Self.counted(count, what)) lost: \(count == 1 ? "it" : "they") could not be written in time"
    return put(LogEntry(level: .warning, content: .line(notice)), &isAtLineStart)
  }

  /// False if the entry could not be written.
  private func put(_ entry: LogEntry, _ isAtLineStart: inout Bool) -> Bool {
    if writeToJournal(entry) { return true }
    let text: String
    switch destination {
    case .syslog:
      unsafe linux_syslog(entry.level.rawValue, visible(entry.text))
      return true
    case .journal: text = "<\(entry.level.rawValue)>\(visible(entry.text))\n"
    case .standardError: text = "sniproxy: \(visible(entry.text))\n"
    }
    let bytes = Array(((isAtLineStart ? "" : "\n") + text).utf8)
    let count = writtenCount(bytes)
    if count > 0 { isAtLineStart = count == bytes.count }
    return count == bytes.count
  }

  /// With its fields. A line without any goes over standard error, of which the journal knows the unit even when the program
  /// has ended.
  private func writeToJournal(_ entry: LogEntry) -> Bool {
    guard journal != nil, let fields = entry.fields else { return false }
    do throws(Errno) {
      try journal?.write(fields)
      return true
    } catch {
      return false
    }
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
