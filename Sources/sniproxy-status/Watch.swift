import Glibc
import Kernel
import StatusReport

/// The live view, until a key or a signal ends it.
struct Watch {
  let source: Source
  /// Between two readings, in nanoseconds.
  let interval: Int64

  private var history = History()

  init(_ source: Source, every interval: Int64) {
    self.source = source
    self.interval = interval
  }

  mutating func run() throws(Failure) {
    let signals: Signals
    do throws(Errno) {
      signals = try Signals([SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGWINCH, SIGTSTP])
    } catch {
      throw .system("cannot watch for signals: \(error)")
    }
    let terminal = try Terminal.taken()
    let isUnicode = isUnicodeLocale()
    var due = monotonicNow()
    while true {
      if monotonicNow() >= due {
        read()
        // From now on: after a stop there is nothing to catch up with.
        due = monotonicNow() + interval
      }
      let (width, height) = terminal.size
      try terminal.draw(
        history.screen(width: width, height: height, now: wallClockNow(), file: source.path, isUnicode: isUnicode))
      switch wait(until: due, signals) {
      case .nothing: continue
      case .end: return
      case .pause:
        terminal.leave()
        // The shell gets the terminal; it is taken again when somebody lets this go on.
        kill(getpid(), SIGSTOP)
        try terminal.enter()
      }
    }
  }

  private mutating func read() {
    switch source.read() {
    case .success(let reading): history.add(reading)
    case .failure(let flaw): history.add(failure: "\(flaw)")
    }
  }

  private enum Event { case nothing, end, pause }

  /// The corresponding C function is `poll`.
  private func wait(until due: Int64, _ signals: borrowing Signals) -> Event {
    var sources = [STDIN_FILENO, signals.number].map { pollfd(fd: $0, events: Int16(POLLIN), revents: 0) }
    // Rounded up, so that it does not spin over the last millisecond.
    let milliseconds = max(0, due - monotonicNow() + 999_999) / 1_000_000
    guard unsafe poll(&sources, 2, Int32(clamping: milliseconds)) > 0 else { return .nothing }
    if let signal = signals.next() {
      switch signal {
      case SIGWINCH: return .nothing
      case SIGTSTP: return .pause
      default: return .end
      }
    }
    guard sources[0].revents != 0 else { return .nothing }
    var key: UInt8 = 0
    // No key where there was one to come: the terminal is gone.
    guard unsafe Glibc.read(STDIN_FILENO, &key, 1) == 1 else { return .end }
    return key == UInt8(ascii: "q") || key == UInt8(ascii: "Q") ? .end : .nothing
  }
}
