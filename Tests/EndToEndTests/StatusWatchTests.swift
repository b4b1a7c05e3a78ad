import Foundation
import Testing

/// `sniproxy-status --watch` in a terminal.
@Suite(.scratch, .requires("tmux"))
struct StatusWatchTests {
  let hosts: HostsDirectory
  let file: String

  init() throws {
    hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("here")
    file = Scratch.current.file("status")
  }

  @Test func `it shows what happens, at any size, and follows a restart`() throws {
    let proxy = try Proxy(hosts, "--status", file)
    let screen = try watch(80, 24)
    try eventually("the view") { try screen.lines()[0].contains("process \(proxy.child.pid), is serving") }
    #expect(try screen.isAlternate && !screen.hasCursor)
    #expect(try screen.lines().count { !$0.isEmpty } <= 24)
    for _ in 0..<3 { #expect(try proxy.ask("a.test") == "here") }
    #expect(try proxy.refusal(Hello("b.test")) == 112)
    try eventually("the connections: \(screen.shown)") {
      try screen.text.contains(/relayed +3[^0-9]/) && screen.text.contains("unknown_name, alert 112")
    }
    try eventually("block characters") { try screen.text.contains("█") }

    try screen.resize(50, 10)
    try eventually("a smaller view") { try screen.lines()[0].count <= 50 && screen.text.contains("accepted") }
    try screen.resize(5, 2)
    try eventually("a tiny view") { try screen.lines()[0] == "snip>" }
    try screen.resize(120, 40)
    try eventually("a larger view: \(screen.shown)") {
      try screen.lines()[0].count > 80 && screen.text.contains("connect to backend")
    }

    try proxy.stop()
    try eventually("the end") { try screen.lines()[0].contains("has ENDED") }
    let successor = try Proxy(hosts, "--status", file)
    try eventually("the new process") { try screen.lines()[0].contains("process \(successor.child.pid), is serving") }
    try FileManager.default.removeItem(atPath: file)
    try eventually("why it cannot be read") { try screen.text.contains("cannot read \(file.prefix(20))") }
  }

  @Test(arguments: ["q", "C-c", "C-\\"])
  func `a key ends it, and the terminal is as it was`(key: String) throws {
    let screen = try watch(80, 24, Self.compared(command))
    try eventually("why there is nothing to see") { try screen.text.contains("cannot read") }
    try screen.type(key)
    try expectRestored(screen)
  }

  @Test(arguments: [SIGTERM, SIGHUP, SIGINT])
  func `a signal ends it, and the terminal is as it was`(signal: Int32) throws {
    let pid = Scratch.current.file("pid")
    let screen = try watch(80, 24, Self.compared("sh -c 'echo $$ > \(pid); exec \(command)'"))
    try eventually("the view") { try screen.text.contains("cannot read") }
    let number = try String(contentsOfFile: pid, encoding: .utf8).trimmingCharacters(in: .whitespacesAndNewlines)
    #expect(kill(try #require(pid_t(number)), signal) == 0)
    try expectRestored(screen)
  }

  @Test func `it can be stopped and goes on`() throws {
    let screen = try watch(80, 24, command)
    try eventually("the view") { try screen.text.contains("cannot read") }
    try screen.type("C-z")
    try eventually("the shell") { try !screen.isAlternate && screen.hasCursor }
    try screen.type("fg", "Enter")
    try eventually("the view again") { try screen.isAlternate && screen.text.contains("cannot read") }
    try screen.type("q")
    try eventually("the shell again") { try !screen.isAlternate }
  }

  @Test func `without UTF-8 it is ASCII`() throws {
    let proxy = try Proxy(hosts, "--status", file)
    let screen = try watch(80, 24, "LC_ALL=C \(command)")
    try eventually("the view") { try screen.text.contains("is serving") }
    #expect(try proxy.ask("a.test") == "here")
    try eventually("the chart") { try screen.text.contains("#") }
    #expect(try screen.text.utf8.allSatisfy { $0 < 0x80 })
  }

  @Test func `it says that it needs a terminal`() throws {
    let child = try Child(try Program.path("sniproxy-status"), [file, "--watch"])
    #expect(try child.wait() == .exited(100))
    #expect(child.output.isEmpty && child.error.contains("a terminal"), "\(child.error)")
  }

  @Test(arguments: ["dumb", ""]) func `it says that a terminal cannot show it`(kind: String) throws {
    let screen = try watch(80, 24, "TERM=\(kind) \(command)\necho status $?\n")
    try eventually("the status: \(screen.shown)") { try screen.text.contains("status 100") }
    #expect(try screen.text.contains("the terminal cannot move its cursor (TERM=\(kind))"))
  }

  private var command: String {
    get throws { "\(try Program.path("sniproxy-status")) \(file) --watch 0.2" }
  }

  private func watch(_ width: Int, _ height: Int, _ script: String? = nil) throws -> TerminalScreen {
    try TerminalScreen(width: width, height: height, script: script ?? command)
  }

  /// Tells the exit status, and whether the settings of the terminal are as they were.
  private static func compared(_ command: String) -> String {
    "before=$(stty -a)\n\(command)\necho status $?\n[ \"$before\" = \"$(stty -a)\" ] && echo same\n"
  }

  private func expectRestored(_ screen: TerminalScreen) throws {
    try eventually("the shell: \(screen.shown)") { try screen.lines().contains("same") }
    #expect(try screen.lines().contains("status 0"))
    #expect(try !screen.isAlternate && screen.hasCursor)
  }
}
