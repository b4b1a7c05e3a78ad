import Glibc
import Kernel

/// Why the program cannot do what it was asked, with the exit status that says so.
enum Failure: Error {
  case usage(String)
  case system(String)

  /// - Parameter code: of errno(3); the last one by default
  static func system(_ verb: String, _ object: String, _ code: Int32 = errno) -> Failure {
    .system("cannot \(verb) \(object): \(Errno(code))")
  }

  var text: String {
    switch self {
    case .usage(let text), .system(let text): text
    }
  }

  var exitStatus: Int32 {
    switch self {
    case .usage: ExitStatus.usage
    case .system: ExitStatus.system
    }
  }
}

/// Exit statuses are an interface.
enum ExitStatus {
  static let success: Int32 = 0
  /// The file is there, and tells of a sniproxy that does not serve.
  static let notServing: Int32 = 1
  static let usage: Int32 = 100
  static let system: Int32 = 111
}
