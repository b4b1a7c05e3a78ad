import CBench
import Foundation
import Load

/// A program that was started, with all the processes that it started itself.
struct ProcessGroup {
  let leader: Int32
  private let name: String

  /// The program runs on `cores`, with its output in `log`; this one goes on to run on `back`. Should this one die
  /// without ceremony, it gets SIGTERM.
  init(_ command: [String], cores: UInt64, back: UInt64, log: String, environment: [String: String] = [:])
    throws(Failure)
  {
    let words = ["setpriv", "--pdeathsig", "TERM"] + command
    let variables = ProcessInfo.processInfo.environment.merging(environment) { $1 }.map { "\($0)=\($1)" }
    var argumentList: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    var variableList: [UnsafeMutablePointer<CChar>?] = variables.map { strdup($0) } + [nil]
    defer { for string in argumentList + variableList { free(string) } }
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    posix_spawn_file_actions_adddup2(&files, 1, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    posix_spawnattr_setpgroup(&attributes, 0)
    bench_pin(cores)
    defer { bench_pin(back) }
    var process: Int32 = 0
    let failed = posix_spawnp(&process, words[0], &files, &attributes, &argumentList, &variableList)
    if failed != 0 { throw Failure("\(words[0]): \(String(cString: strerror(failed)))") }
    leader = process
    name = command[0]
  }

  var processes: [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { Int32($0) }.filter { getpgid($0) == leader }.sorted()
  }

  func checkRunning() throws(Failure) {
    var status = siginfo_t()
    // It stays a zombie, and so its number its own, until it is waited for in `kill`.
    guard waitid(P_PID, id_t(leader), &status, WEXITED | WNOHANG | WNOWAIT) == 0, bench_ended(&status) != 0 else {
      return
    }
    throw Failure("it has ended")
  }

  /// Waits for a program that does something and ends.
  func wait() throws(Failure) {
    var status: Int32 = 0
    while waitpid(leader, &status, 0) == -1, errno == EINTR {}
    if status != 0 { throw Failure("\(name) failed") }
  }

  /// Ends all of them at once.
  func kill() {
    Glibc.kill(-leader, SIGKILL)
    var status: Int32 = 0
    while waitpid(leader, &status, 0) == -1, errno == EINTR {}
  }
}
