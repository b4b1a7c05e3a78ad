import ArgumentParser
import Glibc
import Inspection
import Kernel

@main
enum Main {
  static func main() {
    // Here a reader that went away is a failed write, not the end by a signal without a status.
    _ = signal(SIGPIPE, SIG_IGN)
    do throws(Failure) {
      try attempt("prepare", "standard input, output and error") { () throws(Errno) in
        try Descriptor.openStandardDescriptors()
      }
      let options = try parsedOptions()
      let isWell = try options.hello == nil ? TreeCheck(options).run() : HelloCheck(options).run()
      exit(isWell ? ExitStatus.success : ExitStatus.problems)
    } catch {
      complain(error.text)
      exit(error.exitStatus)
    }
  }

  private static func parsedOptions() throws(Failure) -> Options {
    let arguments = commandLineArguments()
    if let number = arguments.firstIndex(of: nil) {
      throw .usage("argument \(number + 1) is not UTF-8: write names as xn-- labels, or go into the directory")
    }
    let parsing: Result<Options, any Error> = Result { try Options.parse(arguments.compactMap { $0 }) }
    switch parsing {
    case .success(let options): return options
    case .failure(let error):
      let message = printable(Options.fullMessage(for: error, columns: 80))
      guard Options.exitCode(for: error).isSuccess else {
        throw .usage(message.hasPrefix("Error: ") ? String(message.dropFirst("Error: ".count)) : message)
      }
      try write("\(message)\n")
      exit(ExitStatus.success)
    }
  }
}

/// Exit statuses are an interface.
enum ExitStatus {
  static let success: Int32 = 0
  static let problems: Int32 = 1
  static let usage: Int32 = 100
  static let systemCallFailed: Int32 = 111
}
