import ArgumentParser
import CBench
import Foundation
import Load

@main
struct Main: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sniproxy-bench",
    abstract: "Measures sniproxy, and programs like it.",
    subcommands: [RunCommand.self, LoadCommand.self])

  static func main() {
    bench_print_lines()
    bench_catch_signals()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      FileHandle.standardError.write(Data("sniproxy-bench: \(failure)\n".utf8))
      Foundation.exit(1)
    } catch {
      exit(withError: error)
    }
  }
}

/// Where the project's captured hellos are, from the directory of the Makefile.
let defaultCorpus = "Tests/Corpus/clienthello/hello"
