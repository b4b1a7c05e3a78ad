import CLinux
import CProbe
import Glibc

/// A system call as an intruder might make it.
struct Attempt {
  let number: Int
  let arguments: (Int, Int, Int, Int, Int)

  init(_ number: Int32, _ a: Int = 0, _ b: Int = 0, _ c: Int = 0, _ d: Int = 0, _ e: Int = 0) {
    self.number = Int(number)
    arguments = (a, b, c, d, e)
  }

  var error: Int32 { probe_call(number, arguments.0, arguments.1, arguments.2, arguments.3, arguments.4) }

  /// The same calls with other arguments are the relay's own, but for those of the first lines.
  static var refused: [Attempt] {
    let path = unsafe Int(bitPattern: strdup("/dev/null"))
    let size = 4096
    let here = Int(AT_FDCWD)
    let (stream, cloexec) = (linux_SOCK_STREAM, linux_SOCK_CLOEXEC)
    return [
      Attempt(SYS_bind, 0), Attempt(SYS_listen, 0), Attempt(SYS_dup, 0), Attempt(SYS_kill, Int(getpid()), 0),
      Attempt(SYS_setuid, Int(getuid())), Attempt(SYS_setgroups), Attempt(SYS_capset), Attempt(SYS_personality, 0),
      Attempt(SYS_prctl, Int(PR_SET_DUMPABLE), 1), Attempt(SYS_seccomp), Attempt(SYS_rt_sigaction, Int(SIGTERM)),
      Attempt(SYS_clone, 0x11), Attempt(SYS_clone3), Attempt(SYS_prlimit64), Attempt(SYS_sendmmsg),
      Attempt(SYS_openat2, here, path), Attempt(SYS_mkdirat, here, path),
      Attempt(SYS_renameat2, here, path, here, path),
      Attempt(SYS_unlinkat, here, path), Attempt(SYS_fchmodat, here, path), Attempt(SYS_fchownat, here, path),
      Attempt(SYS_linkat, here, path, here, path), Attempt(SYS_symlinkat, path, here, path),
      Attempt(SYS_mknodat, here, path), Attempt(SYS_truncate, path, 0), Attempt(SYS_getdents64, 0),
      Attempt(SYS_inotify_init1), Attempt(SYS_shmget, 0, size), Attempt(SYS_msgget), Attempt(SYS_timer_create),
      Attempt(SYS_landlock_create_ruleset),
      // Files.
      Attempt(SYS_openat, here, path, Int(O_RDONLY)), Attempt(SYS_openat, here, path, Int(O_WRONLY | O_CLOEXEC)),
      Attempt(SYS_openat, here, path, Int(O_PATH | O_CLOEXEC | O_WRONLY)),
      Attempt(SYS_openat, here, path, Int(O_PATH | O_DIRECTORY | O_CLOEXEC | O_CREAT)),
      Attempt(SYS_faccessat2, here, path, Int(R_OK), Int(AT_SYMLINK_NOFOLLOW)),
      Attempt(SYS_newfstatat, here, path, 0, 0),
      // Sockets.
      Attempt(SYS_socket, Int(AF_INET), Int(stream)), Attempt(SYS_socket, Int(AF_INET6), Int(stream)),
      Attempt(SYS_socket, Int(AF_NETLINK), 3), Attempt(SYS_socket, Int(AF_PACKET), 3),
      Attempt(SYS_socket, Int(AF_UNIX), Int(stream)),
      Attempt(SYS_socket, Int(AF_UNIX), Int(linux_SOCK_DGRAM | cloexec)),
      Attempt(SYS_socketpair, Int(AF_UNIX), Int(stream)),
      // Of an Internet address's length: what is connected, or listens, could be turned to it.
      Attempt(SYS_connect, 0, path, 16), Attempt(SYS_connect, 0, path, 28), Attempt(SYS_connect, 0, path, 110),
      Attempt(SYS_sendto, 0, path, 1, 0), Attempt(SYS_sendto, 0, path, 1, Int(linux_MSG_NOSIGNAL), path),
      Attempt(SYS_sendmsg, 0, path, 0), Attempt(SYS_accept4, 0, 0, 0, 0),
      Attempt(SYS_setsockopt, 0, Int(SOL_SOCKET), Int(SO_REUSEADDR)),
      Attempt(SYS_setsockopt, 0, Int(IPPROTO_TCP), Int(TCP_ULP)),
      Attempt(SYS_setsockopt, 0, Int(IPPROTO_IPV6), Int(TCP_NODELAY)),
      Attempt(SYS_getsockopt, 0, Int(SOL_SOCKET), Int(SO_TYPE)),
      // Descriptors.
      Attempt(SYS_fcntl, 0, Int(F_SETFL), Int(O_APPEND)), Attempt(SYS_fcntl, 0, Int(F_DUPFD), 0),
      Attempt(SYS_fcntl, 0, Int(F_GETFL)),
      Attempt(SYS_ioctl, 0, pushIntoTerminal), Attempt(SYS_pipe2, path, 0),
      Attempt(SYS_splice, 0, path, 1, 0, 1), Attempt(SYS_writev, 1),
      // Memory.
      Attempt(SYS_mmap, 0, size, Int(PROT_READ | PROT_EXEC), Int(MAP_PRIVATE | linux_MAP_ANONYMOUS), -1),
      Attempt(SYS_mmap, 0, size, Int(PROT_READ), Int(MAP_PRIVATE), 0),
      Attempt(SYS_mmap, 0, size, Int(PROT_READ), Int(MAP_SHARED | linux_MAP_ANONYMOUS), -1),
      Attempt(SYS_mprotect, path & -size, size, Int(PROT_READ | PROT_WRITE | PROT_EXEC)),
      // Threads.
      Attempt(SYS_tgkill, Int(getppid()), Int(getppid()), Int(SIGABRT)),
      Attempt(SYS_tgkill, Int(getpid()), 0, Int(SIGSTOP)),
      Attempt(SYS_futex, path, requeue),
    ]
  }
}

/// TIOCSTI, ioctl_tty(2).
private let pushIntoTerminal = 0x5412
/// FUTEX_CMP_REQUEUE_PI, futex(2).
private let requeue = 12
