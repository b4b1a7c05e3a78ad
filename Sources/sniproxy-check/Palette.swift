import Glibc
import Inspection

/// Colour, for terminals that have it.
struct Palette {
  private let isOn: Bool

  /// https://no-color.org: "Command-line software which adds ANSI color to its output by default should check for a NO_COLOR
  /// environment variable that, when present and not an empty string (regardless of its value), prevents the addition of
  /// ANSI color."
  init(_ color: Options.Color) {
    switch color {
    case .always: isOn = true
    case .never: isOn = false
    case .auto:
      isOn =
        isatty(STDOUT_FILENO) == 1 && (Self.variable("NO_COLOR") ?? "").isEmpty
        && Self.variable("TERM") ?? "dumb" != "dumb"
    }
  }

  func good(_ text: String) -> String { paint("32", text) }
  func faint(_ text: String) -> String { paint("2", text) }
  func strong(_ text: String) -> String { paint("1", text) }

  func severity(_ severity: Finding.Severity, _ text: String) -> String {
    switch severity {
    case .problem: paint("31", text)
    case .warning: paint("33", text)
    case .note: faint(text)
    }
  }

  private func paint(_ code: String, _ text: String) -> String { isOn ? "\u{1b}[\(code)m\(text)\u{1b}[0m" : text }

  private static func variable(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}
