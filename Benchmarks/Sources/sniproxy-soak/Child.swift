import CBench
import Foundation
import Glibc
import Load

/// A process that the soak started. Should the soak die without ceremony, the kernel kills it.
///
/// Children are started by the main thread only, since the kernel minds the end of the thread that started them.
struct Child {
  let pid: Int32
  /// Its output and errors.
  let log: String

  /// - Parameters:
  ///   - sockets: what it finds open from descriptor 3 on, as a service manager passes them (sd_listen_fds(3))
  ///   - user: whom it runs as, in no group; nil for whoever runs the soak
  init(_ command: [String], log: String, sockets: [Int32] = [], user: Int? = nil) throws(Failure) {
    let script = "export LISTEN_PID=$$ LISTEN_FDS=\(sockets.count); exec \"$@\""
    let words =
      ["setpriv", "--pdeathsig", "KILL"] + (user.map { ["--reuid=\($0)", "--regid=\($0)", "--clear-groups"] } ?? [])
      + (sockets.isEmpty ? [] : ["sh", "-c", script, "sh"]) + command
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer {
      for argument in arguments { free(argument) }
      posix_spawn_file_actions_destroy(&files)
    }
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_APPEND, 0o644)
    posix_spawn_file_actions_adddup2(&files, 1, 2)
    // The sockets have numbers far above these.
    for (index, socket) in sockets.enumerated() {
      posix_spawn_file_actions_adddup2(&files, socket, 3 + Int32(index))
    }
    var process: Int32 = 0
    let failed = posix_spawnp(&process, words[0], &files, nil, &arguments, Glibc.environ)
    if failed != 0 { throw Failure("\(words[0]): \(String(cString: strerror(failed)))") }
    pid = process
    self.log = log
  }

  func signal(_ number: Int32) { kill(pid, number) }

  /// How it ended, in words; nil if it runs. Only the first answer that is not nil counts.
  func ending() -> String? {
    var status: Int32 = 0
    guard waitpid(pid, &status, WNOHANG) == pid else { return nil }
    return status & 0x7f == 0 ? "exit status \(status >> 8 & 0xff)" : "signal \(status & 0x7f)"
  }

  func waitForEnd(seconds: Double) -> String? {
    let end = now() + UInt64(seconds * 1e9)
    while now() < end {
      if let ending = ending() { return ending }
      usleep(5_000)
    }
    return nil
  }

  /// What it has written.
  var lines: [Substring] {
    guard let data = FileManager.default.contents(atPath: log) else { return [] }
    return String(decoding: data, as: UTF8.self).split(separator: "\n")
  }
}
