import Glibc
import Kernel
import Wire

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

  /// What to do about one error is not what to do about another.
  func withoutAdviceUnless(_ expected: Errno) -> Failure {
    guard case .system(let verb, let object, let error, _) = self, error != expected else { return self }
    return .system(verb, object, error)
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
  _ verb: String, _ object: String, _ body: () throws(Errno) -> Result
) throws(Failure) -> Result {
  do throws(Errno) { return try body() } catch { throw .system(verb, object, error) }
}

/// A line on standard error. That one cannot be written is nothing to tell anywhere.
func complain(_ message: String) { _ = writeAll("sniproxy-check: \(visibleLines(message))\n", to: STDERR_FILENO) }

/// On standard output.
func write(_ text: String) throws(Failure) {
  if let error = writeAll(text, to: STDOUT_FILENO) { throw .system("write", "standard output", error) }
}
