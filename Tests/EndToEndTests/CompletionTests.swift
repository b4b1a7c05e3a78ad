import Foundation
import Testing

/// The completions that `make install` installs, in the shells themselves.
@Suite(.scratch, .requires("make", "strip"), .notSanitized("installs the programs as they are shipped"))
struct CompletionTests {
  @Test(.requires("bash")) func `bash offers every option, directories and users`() throws {
    try #require(FileManager.default.fileExists(atPath: "/usr/share/bash-completion/bash_completion"))
    try offersAll { line, place in
      let shell = try place.run("bash", ["--norc", "-c", Self.bash, "bash", line])
      return shell.output.split(separator: "\n").map(String.init)
    }
  }

  @Test(
    .requires("bash"),
    arguments: [
      ("sniproxy --listen 127.0.0.1:8443 --host", "--hosts"), ("sniproxy --listen unix:/x --ho", "--hosts"),
      ("sniproxy --user 1:1 --hosts sha", "share"), ("sniproxy --hosts=share --hash", "--hashed"),
      ("sniproxy --hosts=sha", "share"), ("sniproxy-status --serve [::1]:9843 sha", "share"),
      ("sniproxy-status --serve 127.0.0.1:9", ""),
    ])
  func `bash completes after a value with a colon`(typed: String, offered: String) throws {
    let shell = try Place().run("bash", ["--norc", "-c", Self.bash, "bash", typed])
    #expect(shell.output == "\(offered)\n", "\(shell.error)")
  }

  @Test(.requires("fish")) func `fish offers every option, directories and users`() throws {
    try offersAll { line, place in
      let shell = try place.run("fish", ["--command", Self.fish, line, place.fish])
      #expect(shell.error.isEmpty, "\(shell.error)")
      return shell.output.split(separator: "\n").map { String($0.prefix { $0 != "\t" }) }
    }
  }

  /// zsh completes only on a terminal, so it is asked for what it makes of a line there.
  @Test(
    .requires("zsh"),
    arguments: [
      ("sniproxy --hos", "sniproxy --hosts "), ("sniproxy --hosts sha", "sniproxy --hosts share/"),
      ("sniproxy --user roo", "sniproxy --user root "), ("sniproxy hel", "sniproxy hel"),
      ("sniproxy --drain", "sniproxy --drain-timeout "), ("sniproxy --status sha", "sniproxy --status share/"),
      ("sniproxy-hostname --hash", "sniproxy-hostname --hashed "), ("sniproxy-hostname sha", "sniproxy-hostname sha"),
      ("sniproxy-check . --hash", "sniproxy-check . --hashed "), ("sniproxy-check sha", "sniproxy-check share/"),
    ])
  func `zsh completes options, directories and users`(typed: String, completed: String) throws {
    let place = try Place()
    let line = Scratch.current.file("line")
    let functions = "\(place.path)/share/zsh/site-functions"
    let shell = try place.run("zsh", ["-f", "-c", Self.zsh, "zsh", functions, line, typed])
    #expect(try String(contentsOfFile: line, encoding: .utf8) == completed, "\(shell)")
  }

  private func offersAll(_ complete: (_ line: String, Place) throws -> [String]) throws {
    let place = try Place()
    for page in ManualPage.all.filter(\.isProgram) {
      let help = try place.run(page.name, ["--help"]).output
      let options = help.split(separator: "\n").compactMap { $0.firstMatch(of: /^\s\s(?:-[a-z], )?(--[a-z0-9-]+)/)?.1 }
      let offered = try complete("\(page.name) --", place)
      #expect(Set(offered) == Set(options.map(String.init)))
      #expect(try !complete("\(page.name) ", place).contains("help"), "there are no subcommands")
    }
    let directories = try complete("sniproxy --hosts sha", place)
    #expect(directories == ["share"] || directories == ["share/"])
    #expect(try complete("sniproxy --user roo", place) == ["root"])
  }

  /// As bash calls the function that bash-completion loads for a command, with the words as COMP_WORDBREAKS parts them.
  private static let bash = #"""
    source /usr/share/bash-completion/bash_completion
    COMP_LINE=$1 COMP_POINT=${#1}
    read -ra COMP_WORDS <<<"$(sed -E 's/[:=]+/ & /g' <<<"$1")"
    [[ $1 != *' ' ]] || COMP_WORDS+=('')
    COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
    _completion_loader "${COMP_WORDS[0]}"
    read -ra how <<<"$(complete -p "${COMP_WORDS[0]}")"
    "${how[-2]}" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
    printf '%s\n' "${COMPREPLY[@]}"
    """#

  /// As on a console, where XDG_DATA_DIRS is not set: fish itself must look where the completions are.
  private static let fish = #"""
    contains /etc/fish/completions $fish_complete_path; or echo "fish does not look at /etc" >&2
    set --prepend fish_complete_path $argv[2]
    complete --do-complete $argv[1]
    """#

  /// Types the line and a tab on a terminal. Control-X then writes the line down.
  private static let zsh = #"""
    zmodload zsh/zpty
    zpty shell zsh -f -i
    zpty -w shell "fpath=($1 \$fpath); autoload -Uz compinit && compinit -D -u
      down() { print -rn -- \$BUFFER >$2; exit }; zle -N down; bindkey -d; bindkey -r '^X'; bindkey '^X' down; print re''ady"
    zpty -r shell said '*ready*'
    zpty -wn shell "$3"$'\t\x18'
    zpty -r shell said '*the end of the terminal*' || true
    """#
}

/// What `make install` installs, with PREFIX as the working directory.
private struct Place {
  let path: String
  let fish: String

  init() throws {
    let root = try Scratch.current.directory("root")
    path = "\(root)/usr/local"
    fish = "\(root)/etc/fish/completions"
    let made = try Child(
      "make", ["-C", Program.package, "install", "DESTDIR=\(root)", "PROGRAMS=\(Program.directory)"])
    guard try made.wait() == .exited(0) else { throw Failure("make install failed: \(made.error)") }
  }

  func run(_ program: String, _ arguments: [String]) throws -> (output: String, error: String) {
    let path = (["\(path)/sbin", "\(path)/bin"] + Tool.directories).joined(separator: ":")
    let child = try Child(
      "env", [program] + arguments,
      environment: [
        "PATH": path, "BASH_COMPLETION_USER_DIR": "\(self.path)/share/bash-completion", "HOME": Scratch.current.path,
        "TERM": "xterm",
      ],
      workingDirectory: self.path)
    try child.wait()
    return (child.output, child.error)
  }
}
