import ArgumentParser
import Glibc
import Kernel

// Here a reader that went away is a failed write, not the end by a signal without a status.
_ = signal(SIGPIPE, SIG_IGN)

let arguments = commandLineArguments()
if let number = arguments.firstIndex(of: nil) {
  complain("argument \(number + 1) is not UTF-8: rename the file, or name it otherwise")
  exit(ExitStatus.usage)
}
do throws(Failure) {
  exit(try command(arguments.compactMap { $0 }).run())
} catch {
  complain(error.text)
  exit(error.exitStatus)
}

/// Ends the program where there is nothing to run.
func command(_ arguments: [String]) throws(Failure) -> Command {
  do {
    return try Command.parse(arguments)
  } catch {
    let message = Command.fullMessage(for: error, columns: 80)
    guard Command.exitCode(for: error).isSuccess else {
      throw .usage(message.hasPrefix("Error: ") ? String(message.dropFirst("Error: ".count)) : message)
    }
    try write("\(message)\n")
    exit(ExitStatus.success)
  }
}
