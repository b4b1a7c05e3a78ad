import ArgumentParser
import CBench
import Foundation
import Load

@main
struct Main: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sniproxy-bench",
    abstract: "Measures sniproxy, and programs like it.",
    subcommands: [RunCommand.self, HandoffCommand.self, ReportCommand.self, LoadCommand.self, RestCommand.self])

  static func main() {
    bench_print_lines()
    bench_catch_signals()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch  where bench_interrupted() != 0 {
      complain("interrupted")
      Foundation.exit(130)
    } catch let failure as Failure {
      complain(failure.description)
      Foundation.exit(1)
    } catch {
      exit(withError: error)
    }
  }
}

private func complain(_ fault: String) {
  FileHandle.standardError.write(Data("sniproxy-bench: \(fault)\n".utf8))
}

/// Where the project's captured hellos are, from the directory of the Makefile.
let defaultCorpus = "Tests/Corpus/clienthello/hello"
