import Foundation

/// Starts a process in a new process group, with no signal blocked or ignored.
func spawn(
  _ path: String, _ arguments: [String], environment: [String: String], descriptors: [Int32: Child.Source]
) throws -> pid_t {
  var actions = unsafe posix_spawn_file_actions_t()
  unsafe posix_spawn_file_actions_init(&actions)
  defer { unsafe posix_spawn_file_actions_destroy(&actions) }
  var copies: [Int32] = []
  defer { for copy in copies { close(copy) } }
  for (target, source) in descriptors {
    switch source {
    case .null: unsafe posix_spawn_file_actions_addopen(&actions, target, "/dev/null", O_RDWR, 0)
    case .file(let file):
      unsafe posix_spawn_file_actions_addopen(&actions, target, file, O_RDWR | O_CREAT | O_APPEND, 0o666)
    case .closed: unsafe posix_spawn_file_actions_addclose(&actions, target)
    case .descriptor(let descriptor):
      // Out of the way of every target, so that none is overwritten before it is copied.
      let copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 500)
      guard copy >= 0 else { throw Failure("cannot duplicate descriptor \(descriptor): \(lastError)") }
      copies.append(copy)
      unsafe posix_spawn_file_actions_adddup2(&actions, copy, target)
    }
  }

  var attributes = posix_spawnattr_t()
  unsafe posix_spawnattr_init(&attributes)
  defer { unsafe posix_spawnattr_destroy(&attributes) }
  var none = sigset_t()
  var all = sigset_t()
  unsafe sigemptyset(&none)
  unsafe sigfillset(&all)
  unsafe posix_spawnattr_setsigmask(&attributes, &none)
  unsafe posix_spawnattr_setsigdefault(&attributes, &all)
  unsafe posix_spawnattr_setpgroup(&attributes, 0)
  unsafe posix_spawnattr_setflags(
    &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))

  var pid: pid_t = 0
  let failure = unsafe withStrings([path] + arguments) { argv in
    unsafe withStrings(environment.map { "\($0)=\($1)" }) { envp in
      unsafe posix_spawn(&pid, path, &actions, &attributes, argv, envp)
    }
  }
  guard failure == 0 else { throw Failure("cannot start \(path): \(unsafe String(cString: strerror(failure)))") }
  return pid
}

/// What `errno` says.
var lastError: String { unsafe String(cString: strerror(errno)) }

private func withStrings<Result>(
  _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
) -> Result {
  var pointers = unsafe strings.map { unsafe strdup($0) } + [nil]
  defer { for index in unsafe pointers.indices { unsafe free(pointers[index]) } }
  return unsafe pointers.withUnsafeMutableBufferPointer { unsafe body($0.baseAddress!) }
}
