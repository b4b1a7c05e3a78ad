import Kernel
import Wire

/// Why the program cannot start, with the exit status that says so.
enum Failure: Error {
  case usage(String)
  case system(String, String, Errno)
  /// A worker's event loop failed; the log has said why.
  case workerEnded

  var text: String {
    switch self {
    case .usage(let text): text
    case .system(let verb, let object, let error): "cannot \(verb) \(visible(object)): \(error)"
    case .workerEnded: "stopped: a worker ended"
    }
  }

  var exitStatus: Int32 {
    switch self {
    case .usage: ExitStatus.usage
    case .system, .workerEnded: ExitStatus.systemCallFailed
    }
  }
}

/// Does what takes system calls; the failure tells what was being done, and on what.
func attempt<Result: ~Copyable>(
  _ verb: String, _ object: String, _ body: () throws(Errno) -> Result
) throws(Failure) -> Result {
  do throws(Errno) {
    return try body()
  } catch {
    throw .system(verb, object, error)
  }
}

/// The exit statuses of every program here.
enum ExitStatus {
  static let success: Int32 = 0
  static let usage: Int32 = 100
  static let systemCallFailed: Int32 = 111
}
