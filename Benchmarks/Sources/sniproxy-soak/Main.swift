import ArgumentParser
import CBench
import Foundation
import Load

@main
struct Main: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sniproxy-soak",
    abstract: "Puts honest and hostile load on sniproxy for a time, and checks every byte.",
    subcommands: [RunCommand.self, BackendCommand.self], defaultSubcommand: RunCommand.self)

  static func main() {
    bench_print_lines()
    bench_catch_signals()
    do {
      var command = try parseAsRoot()
      try command.run()
    } catch let failure as Failure {
      FileHandle.standardError.write(Data("sniproxy-soak: \(failure)\n".utf8))
      Foundation.exit(bench_interrupted() != 0 ? 130 : 1)
    } catch {
      exit(withError: error)
    }
  }
}

struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Runs the soak.",
    discussion: """
      Prints a line every ten seconds, and a report in the end. The exit status is 0 if every byte of every honest session
      arrived, none was refused, and the proxy came back to the descriptors and the memory that it had.
      """)

  @Option(help: "The program.")
  var sniproxy: String = ".build/release/sniproxy"

  @Option(help: "How long the load lasts.")
  var seconds: Double = 600

  @Option(help: "The captured hellos.")
  var corpus: String = "Tests/Corpus/clienthello/hello"

  func run() throws {
    bench_raise_descriptor_limit()
    // The proxy may be another user, and writes to sockets.
    umask(0)
    var name = Array("\(NSTemporaryDirectory())/sniproxy-soak.XXXXXX".utf8CString)
    guard mkdtemp(&name) != nil else { throw Failure("no directory can be made in \(NSTemporaryDirectory())") }
    let scratch = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    defer { try? FileManager.default.removeItem(atPath: scratch) }
    chmod(scratch, 0o755)
    let program = URL(filePath: sniproxy).path
    let soak = try Soak(seconds: seconds, program: program, corpus: corpus, scratch: scratch)
    let failures = soak.run()
    for failure in failures { print("FAILED: \(failure)") }
    print(failures.isEmpty ? "soak: all is well" : "soak: \(failures.count) failures")
    if !failures.isEmpty { throw ExitCode(1) }
  }
}
