import Foundation

/// A terminal of its own with a program in it, by tmux(1).
final class TerminalScreen {
  /// - Parameter script: for a shell in the terminal, which goes on afterwards
  init(width: Int, height: Int, script: String) throws {
    socket = Scratch.current.file("tmux")
    let configuration = Scratch.current.file("tmux.conf")
    try "set -g exit-empty off\nset -g default-terminal tmux-256color\n"
      .write(toFile: configuration, atomically: false, encoding: .utf8)
    let commands = Scratch.current.file("script")
    try script.write(toFile: commands, atomically: false, encoding: .utf8)
    server = try Child("tmux", ["-S", socket, "-f", configuration, "-D"])
    try eventually("tmux to serve: \(server.error)") {
      try tmux("new-session", "-d", "-x", "\(width)", "-y", "\(height)", "exec sh -i").status == .exited(0)
    }
    try type("clear; . \(commands)", "Enter")
  }

  /// What it shows, a line each.
  func lines() throws -> [String] {
    try tmux("capture-pane", "-p").output.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
  }

  var text: String { get throws { try lines().joined(separator: "\n") } }

  /// For messages.
  var shown: String { (try? text) ?? "nothing" }

  /// Whether a program has taken the alternate screen.
  var isAlternate: Bool { get throws { try tmux("display-message", "-p", "#{alternate_on}").output == "1\n" } }
  var hasCursor: Bool { get throws { try tmux("display-message", "-p", "#{cursor_flag}").output == "1\n" } }

  /// Keys by the names that tmux has for them.
  func type(_ keys: String...) throws { try tmux("send-keys", keys) }

  func resize(_ width: Int, _ height: Int) throws { try tmux("resize-window", "-x", "\(width)", "-y", "\(height)") }

  private let server: Child
  private let socket: String

  @discardableResult
  private func tmux(_ command: String, _ arguments: String...) throws -> (status: Child.Status, output: String) {
    try tmux(command, arguments)
  }

  @discardableResult
  private func tmux(_ command: String, _ arguments: [String]) throws -> (status: Child.Status, output: String) {
    // Not a server of their own, which nobody would end, while ours is about to listen.
    let child = try Child("tmux", ["-N", "-S", socket, command] + arguments)
    return (try child.wait(), child.output)
  }
}
