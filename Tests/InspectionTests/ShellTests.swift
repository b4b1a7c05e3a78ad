import Inspection
import Testing

@Suite struct ShellTests {
  @Test(arguments: [
    ("shop.example", "shop.example"), ("", "''"), ("a b", "'a b'"), ("it's", #"'it'\''s'"#),
    ("$(reboot)", "'$(reboot)'"),
    ("bücher", "'bücher'"), ("a\u{1b}[31m", #"$'a\033[31m'"#), ("a\nb", #"$'a\012b'"#),
    ("a\\b'\t", #"$'a\134b\047\011'"#),
    ("a\u{202e}b", #"$'a\342\200\256b'"#), ("a\u{3164}", #"$'a\343\205\244'"#), ("\u{2800}", #"$'\342\240\200'"#),
    ("\u{5d0}b", #"$'\327\220b'"#), ("e\u{301}", #"$'e\314\201'"#), ("-x", "-x"),
  ])
  func `a name is one word, and shows what it is`(name: String, word: String) {
    #expect(shellWord(Array(name.utf8)) == word)
  }

  @Test func `a message does not steer the terminal`() {
    #expect(printable("a\u{1b}[31m\nb\u{200b}ü") == "a\\033[31m\nb\\342\\200\\213ü")
  }

  @Test func `what is not UTF-8 is escaped`() {
    #expect(shellWord([0xff, 0x61]) == #"$'\377a'"#)
  }

  @Test func `a path is no option`() {
    #expect(shellPath(Array("-rf".utf8)) == "./-rf")
    #expect(shellPath(Array("/a".utf8)) == "/a")
  }

  @Test func `JSON escapes what RFC 8259 says, and what could steer a terminal`() {
    let value = JSON.object([("a\"", .array([.null, .bool(true), .number(-3), .string("\u{1b}\\ü\u{1f600}")]))])
    #expect(value.text == #"{"a\"":[null,true,-3,"\u001b\\\u00fc\ud83d\ude00"]}"#)
  }
}
