import Glibc
import Kernel
import StatusReport

/// The terminal of standard input and output, as a screen of its own. It is put back as it was at the end of its life.
struct Terminal: ~Copyable {
  private let before: termios

  /// Takes it over, if it can do more than write lines (environ(7), `TERM`; terminfo(5) has "dumb" for one that cannot). The corresponding C functions are `isatty`, `tcgetattr` and `tcsetattr` (termios(3)).
  static func taken() throws(Failure) -> Terminal {
    guard isatty(STDOUT_FILENO) == 1, isatty(STDIN_FILENO) == 1 else {
      throw .usage(
        "--watch: standard input and output are not both a terminal: run it in one, or take the table, --json or "
          + "--prometheus")
    }
    let kind = unsafe getenv("TERM").map { unsafe String(cString: $0) } ?? ""
    guard !["", "dumb", "unknown"].contains(kind) else {
      throw .usage(
        "--watch: the terminal cannot move its cursor (TERM=\(printable(kind))): run it in another, or take the table, "
          + "--json or --prometheus")
    }
    var settings = termios()
    guard unsafe tcgetattr(STDIN_FILENO, &settings) == 0 else { throw .system("read the settings of", "the terminal") }
    let terminal = Terminal(before: settings)
    try terminal.enter()
    return terminal
  }

  private init(before: termios) { self.before = before }

  deinit { leave() }

  /// Takes the alternate screen, without a cursor. Keys come at once and are not shown; those for signals still are signals.
  func enter() throws(Failure) {
    var raw = before
    raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
    guard unsafe tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0 else {
      throw .system("change the settings of", "the terminal")
    }
    try show("\u{1b}[?1049h\u{1b}[?25l\u{1b}[?7l\u{1b}[2J")
  }

  /// Gives the terminal back. What fails then is nothing to do anything about.
  func leave() {
    _ = writeAll("\u{1b}[?7h\u{1b}[?25h\u{1b}[?1049l", to: STDOUT_FILENO)
    var settings = before
    // TCSAFLUSH: keys that were meant for the screen are not for the shell.
    _ = unsafe tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings)
  }

  /// Columns and rows, 80 by 24 where the terminal does not know. The corresponding C function is `ioctl` with `TIOCGWINSZ`
  /// (ioctl_tty(2)).
  var size: (width: Int, height: Int) {
    var size = winsize()
    let isKnown = unsafe ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0 && size.ws_col > 0 && size.ws_row > 0
    return isKnown ? (Int(size.ws_col), Int(size.ws_row)) : (80, 24)
  }

  /// Draws the lines over what is there, from the top, so that nothing flickers. The first is emphasized.
  ///
  /// What is left of a line is erased before it is drawn: after it, the cursor may stand on its last character.
  func draw(_ lines: [String]) throws(Failure) {
    let drawn = lines.enumerated().map { index, line in
      "\u{1b}[K" + (index == 0 ? "\u{1b}[7m\(line)\u{1b}[0m" : line)
    }
    let below = lines.count < size.height ? "\r\n\u{1b}[J" : ""
    try show("\u{1b}[H" + drawn.joined(separator: "\r\n") + below)
  }

  private func show(_ text: String) throws(Failure) {
    if let error = writeAll(text, to: STDOUT_FILENO) { throw .system("write to", "the terminal", error.code) }
  }
}

/// Whether the locale's characters are in UTF-8. The corresponding C functions are `setlocale` and `nl_langinfo`.
func isUnicodeLocale() -> Bool {
  guard unsafe setlocale(LC_CTYPE, "") != nil, let name = unsafe nl_langinfo(Int32(CODESET)) else { return false }
  return unsafe String(cString: name) == "UTF-8"
}
