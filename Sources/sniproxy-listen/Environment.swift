import CLinux
import Glibc
import Kernel

/// What the command finds in its environment.
enum Environment {
  /// The corresponding C function is `getenv`.
  static func value(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }

  /// The corresponding C functions are `setenv` and, for nil, `unsetenv`.
  static func set(_ name: String, _ value: String?) {
    _ = if let value { unsafe setenv(name, value, 1) } else { unsafe unsetenv(name) }
  }

  /// Nil if it is gone, or not UTF-8. The corresponding C function is `getcwd`.
  static var workingDirectory: String? {
    guard let path = unsafe getcwd(nil, 0) else { return nil }
    defer { unsafe free(path) }
    return unsafe String(validatingCString: path)
  }
}

/// The command with its arguments, which are not touched: they need not be UTF-8.
struct Command {
  private let first: Int32
  let name: String

  /// - Parameter first: the number of the command among this program's arguments, which go on to the end.
  init(at first: Int) {
    self.first = Int32(first)
    name = unsafe String(cString: linux_argument(self.first)!)
  }

  /// Gives the error where it fails. The corresponding C function is `execvp`.
  func execute() -> Errno {
    var words: [UnsafeMutablePointer<CChar>?] = unsafe []
    var next = first
    while let argument = unsafe linux_argument(next) {
      unsafe words.append(UnsafeMutablePointer(mutating: argument))
      next += 1
    }
    unsafe words.append(nil)
    unsafe execvp(words[0]!, words)
    return Errno(errno)
  }
}
