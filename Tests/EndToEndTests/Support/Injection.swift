import Foundation

/// strace(1), attached to threads of a running process: it lets a system call of theirs fail, or only looks on, until it ends.
final class Injection {
  /// Which of the calls fail.
  enum When: String, CustomStringConvertible {
    /// The first, and every third from then on.
    case sometimes = "1+3"
    case always = "1+"
    case second = "2"

    var description: String {
      switch self {
      case .sometimes: "sometimes"
      case .always: "always"
      case .second: "the second time"
      }
    }
  }

  /// Only looks on.
  convenience init(watching threads: [pid_t]) throws { try self.init(threads, []) }

  convenience init(_ call: String, _ error: String, _ when: When, in threads: [pid_t]) throws {
    try self.init(threads, ["-e", "inject=\(call):error=\(error):when=\(when.rawValue)"])
  }

  private init(_ threads: [pid_t], _ options: [String]) throws {
    trace = Scratch.current.file("trace")
    strace = try Child(
      "strace",
      ["-qq", "-o", trace, "-e", "trace=all", "-e", "signal=none"] + options + threads.flatMap { ["-p", "\($0)"] })
    try eventually("strace to attach; it says: \(strace.error)") {
      guard strace.isRunning else { throw Failure("strace ended: \(strace.error)") }
      return try threads.allSatisfy { try Vitals.tracer(of: $0) != 0 }
    }
  }

  /// How many calls have failed so far.
  var failures: Int { get throws { try lines.count { $0.hasSuffix("(INJECTED)") } } }

  /// How many calls a thread has made so far.
  func calls(of thread: pid_t) throws -> Int { try lines.count { Self.isAlone($0) || $0.hasPrefix("\(thread) ") } }

  /// The names of all calls so far.
  var names: Set<String> {
    get throws {
      Set(try lines.compactMap { $0.firstMatch(of: /^(?:[0-9]+ +)?([a-z0-9_]+)\(/).map { String($0.output.1) } })
    }
  }

  /// A launcher for a program that may not unshare(2), with strace as its grandchild.
  static let ofUnshare = [
    "strace", "-D", "-I", "1", "-f", "-qq", "-o", "/dev/null", "-e", "trace=unshare", "-e",
    "inject=unshare:error=EPERM",
  ]

  /// Lets strace let go of the process that it launched.
  static func endTracer(of process: pid_t) throws {
    kill(try Vitals.tracer(of: process), SIGTERM)
    try eventually("strace to let go") { try Vitals.tracer(of: process) == 0 }
  }

  /// Lets go of the threads, which go on undisturbed.
  func end() throws {
    strace.signal(SIGTERM)
    try strace.wait()
  }

  /// Lines begin with the thread where there are several.
  private static func isAlone(_ line: Substring) -> Bool { !(line.first?.isNumber ?? true) }

  private var lines: [Substring] {
    get throws { try String(contentsOfFile: trace, encoding: .utf8).split(separator: "\n") }
  }

  private let trace: String
  private let strace: Child
}

extension Vitals {
  /// Its threads of this name, or with this name and a number.
  func threads(_ name: String) throws -> [pid_t] {
    try allThreads.sorted().filter {
      // One that has ended meanwhile is none.
      let own = (try? String(contentsOfFile: "/proc/\(pid)/task/\($0)/comm", encoding: .utf8)) ?? ""
      return own == "\(name)\n" || own.hasPrefix("\(name) ")
    }
  }

  var allThreads: [pid_t] {
    get throws { try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task").compactMap { pid_t($0) } }
  }

  /// Processor time of one thread in seconds.
  func processorTime(of thread: pid_t) throws -> Double {
    let text = try String(contentsOfFile: "/proc/\(pid)/task/\(thread)/schedstat", encoding: .utf8)
    return (Double(text.split(separator: " ")[0]) ?? 0) / 1e9
  }

  /// The process that traces a thread, or 0.
  static func tracer(of thread: pid_t) throws -> pid_t {
    let text = try String(contentsOfFile: "/proc/\(thread)/status", encoding: .utf8)
    guard let tracer = text.firstMatch(of: /TracerPid:\s*([0-9]+)/)?.output.1 else {
      throw Failure("no tracer: \(text)")
    }
    return pid_t(tracer) ?? 0
  }
}
