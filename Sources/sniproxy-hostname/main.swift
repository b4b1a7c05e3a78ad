import ArgumentParser
import Glibc
import Wire

// Here a reader that went away is a failed write, not the end by a signal without a status.
_ = signal(SIGPIPE, SIG_IGN)

let arguments = Arguments.ofProcess
do {
  let command = try HostnameCommand.parse(arguments.texts)
  // Not in validate(), which comes before unknown options are told.
  guard !command.names.isEmpty else { throw ValidationError("give a hostname") }
  exit(command.run(arguments))
} catch {
  let message = HostnameCommand.fullMessage(for: error, columns: 80)
  guard HostnameCommand.exitCode(for: error).isSuccess else {
    let told = message.hasPrefix("Error: ") ? message.dropFirst("Error: ".count) : message[...]
    complain("sniproxy-hostname: \(told)")
    exit(ExitStatus.usage)
  }
  exit(write("\(message)\n") ? ExitStatus.success : ExitStatus.system)
}

/// Exit statuses are an interface.
enum ExitStatus {
  static let success: Int32 = 0
  static let usage: Int32 = 100
  static let system: Int32 = 111
}
