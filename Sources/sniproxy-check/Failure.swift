import Glibc
import Kernel

/// Why the program can say nothing, with the exit status for it.
enum Failure: Error {
  case usage(String)
  case system(String, String, Errno, advice: String? = nil)

  var text: String {
    switch self {
    case .usage(let text): text
    case .system(let verb, let object, let error, let advice):
      "cannot \(verb): \(object): \(error)" + (advice.map { ": \($0)" } ?? "")
    }
  }

  var exitStatus: Int32 {
    switch self {
    case .usage: ExitStatus.usage
    case .system: ExitStatus.systemCallFailed
    }
  }
}

/// Does what takes system calls; the failure tells what was being done, and on what.
func attempt<Result: ~Copyable>(
  _ verb: String, _ object: String, advice: String? = nil, _ body: () throws(Errno) -> Result
) throws(Failure) -> Result {
  do throws(Errno) { return try body() } catch { throw .system(verb, object, error, advice: advice) }
}

/// A line on standard error. That one cannot be written is nothing to tell anywhere.
func complain(_ message: String) { _ = writeAll("sniproxy-check: \(message)\n", to: STDERR_FILENO) }

/// On standard output.
func write(_ text: String) throws(Failure) {
  if let error = writeAll(text, to: STDOUT_FILENO) { throw .system("write", "standard output", error) }
}
