import Glibc
import Kernel
import Wire

/// Why the command was not run, with the exit status for it.
enum Failure: Error {
  case usage(String)
  case refused(_ doing: String, _ object: String, _ why: String, _ advice: String)
  case command(name: String, Errno)

  static func system(_ verb: String, _ object: String, _ error: Errno, _ advice: String) -> Failure {
    .refused("cannot \(verb)", object, "\(error)", advice)
  }

  var text: String {
    switch self {
    case .usage(let text): text
    case .refused(let doing, let object, let why, let advice): "\(doing): \(object): \(why): \(advice)"
    case .command(let name, .noSuchFileOrDirectory):
      "cannot run: \(name): \(Errno.noSuchFileOrDirectory): install it, or see PATH"
    case .command(let name, let error): "cannot run: \(name): \(error): see that it is a program, and who may run it"
    }
  }

  var exitStatus: Int32 {
    switch self {
    case .usage: ExitStatus.usage
    case .refused: ExitStatus.refused
    case .command(_, .noSuchFileOrDirectory): ExitStatus.noSuchCommand
    case .command: ExitStatus.notRun
    }
  }
}

/// Exit statuses are an interface. Those of a command that cannot be run are env(1)'s.
enum ExitStatus {
  static let success: Int32 = 0
  static let usage: Int32 = 100
  static let refused: Int32 = 111
  static let notRun: Int32 = 126
  static let noSuchCommand: Int32 = 127
}

func attempt<Result>(_ verb: String, _ object: String, _ advice: String, _ body: () throws(Errno) -> Result)
  throws(Failure) -> Result
{
  do throws(Errno) { return try body() } catch { throw .system(verb, object, error, advice) }
}

/// A line on standard error. That one cannot be written is nothing to tell anywhere.
func complain(_ message: String) { _ = writeAll("sniproxy-listen: \(visibleLines(message))\n", to: STDERR_FILENO) }
