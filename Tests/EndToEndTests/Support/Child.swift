import Foundation

/// A process that the test started, the leader of a process group of its own. It is killed with its group when the test ends.
final class Child {
  enum Source {
    case null, closed
    case file(String)
    case descriptor(Int32)
  }

  enum Status: Equatable {
    case exited(Int32)
    case signalled(Int32)
  }

  let name: String
  let pid: pid_t

  /// Where standard output and standard error go unless `descriptors` say something else.
  let outputPath: String
  let errorPath: String

  var output: String { contents(outputPath) }
  var error: String { contents(errorPath) }

  /// - Parameters:
  ///   - program: a path, or the name of a tool
  ///   - descriptors: what the process finds open, apart from its standard input (the null device), output and error (files)
  ///   - workingDirectory: the test's scratch directory if nil
  init(
    _ program: String, _ arguments: [String] = [], environment: [String: String] = [:],
    workingDirectory: String? = nil, descriptors: [Int32: Source] = [:]
  ) throws {
    guard let path = program.hasPrefix("/") ? program : Tool.path(program) else {
      throw Failure("\(program) is not installed")
    }
    let scratch = Scratch.current
    name = URL(filePath: program).lastPathComponent
    outputPath = scratch.file("\(name).out")
    errorPath = scratch.file("\(name).err")
    let standard: [Int32: Source] = [0: .null, 1: .file(outputPath), 2: .file(errorPath)]
    let base = ["PATH": Tool.directories.joined(separator: ":"), "LC_ALL": "C.UTF-8"]
      .merging(Sanitizer.environment(scratch.path)) { $1 }
    pid = try spawn(
      "/usr/bin/env", ["-C", workingDirectory ?? scratch.path, path] + arguments,
      environment: base.merging(environment) { $1 }, descriptors: standard.merging(descriptors) { $1 })
    scratch.atEnd { self.end() }
  }

  func signal(_ number: Int32) { if status == nil { kill(pid, number) } }

  /// Whether it still runs.
  var isRunning: Bool { poll() == nil }

  /// Waits until it ends by itself.
  @discardableResult
  func wait(within seconds: Double = patience) throws -> Status {
    try eventually("the end of \(name) \(pid); its standard error: \(error)", within: seconds) { poll() != nil }
    return status!
  }

  /// Kills it, with what it started in its process group.
  func end() {
    guard poll() == nil else { return }
    kill(-pid, SIGKILL)
    collect(0)
  }

  private var status: Status?

  private func poll() -> Status? {
    if status == nil { collect(WNOHANG) }
    return status
  }

  private func collect(_ options: Int32) {
    var word: Int32 = 0
    while true {
      let ended = unsafe waitpid(pid, &word, options)
      if ended == -1 && errno == EINTR { continue }
      guard ended == pid else { return }
      status = word & 0x7f == 0 ? .exited(word >> 8 & 0xff) : .signalled(word & 0x7f)
      return
    }
  }

  private func contents(_ path: String) -> String {
    String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
  }
}

/// Runs a process to its end.
@discardableResult
func run(
  _ program: String, _ arguments: String..., environment: [String: String] = [:], input: Child.Source = .null
) throws -> (status: Child.Status, output: String, error: String) {
  let child = try Child(program, arguments, environment: environment, descriptors: [0: input])
  let status = try child.wait()
  return (status, child.output, child.error)
}
