import Testing

@testable import Wire

@Suite struct VisibleTests {
  @Test(arguments: [
    ("a b", "a b"), ("\u{1b}[31m", "\\x1b[31m"), ("a\nb\r\t\u{7f}", "a\\x0ab\\x0d\\x09\\x7f"),
    ("b\u{fc}cher", "b\u{fc}cher"),
    ("\u{9b}1m", "\\x9b1m"), ("\u{202e}x\u{2028}", "\\u{202e}x\\u{2028}"), ("", ""),
  ])
  func `what steers a terminal is escaped`(text: String, shown: String) { #expect(visible(text) == shown) }

  @Test func `lines stay`() { #expect(visibleLines("a\u{1b}\n\nb\n") == "a\\x1b\n\nb\n") }
}
