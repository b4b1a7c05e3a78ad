import CLinux
import Glibc

/// The system calls of the running program, by who makes them. What is made before the filter is there is not in it.
///
/// Where names differ by architecture, both stand here.
extension AllowedCall {
  static func all(for duties: Lock.Duties) -> [AllowedCall] {
    relay + lookUp + events + library
      + (duties.contains(.longAddresses) ? [AllowedCall("connect")] : [])
      + (duties.contains(.syslog) ? syslog : [])
      + (duties.contains(.notifications) ? notifications : [])
      + (duties.contains(.removesFile) ? removal : [])
  }

  /// Connections: Session, Direction, Greeting, Ferry.
  private static let relay: [AllowedCall] =
    [
      // Clients, and the backend's socket.
      AllowedCall("accept4", .at(3, linux_SOCK_NONBLOCK | linux_SOCK_CLOEXEC)),
      AllowedCall("getsockname"),
      AllowedCall("socket", .at(0, AF_UNIX), .at(1, stream | linux_SOCK_NONBLOCK | linux_SOCK_CLOEXEC), .at(2, 0)),
      // A receiver's, and a client handed over to it.
      AllowedCall("socket", .at(0, AF_UNIX), .at(1, packets | linux_SOCK_NONBLOCK | linux_SOCK_CLOEXEC), .at(2, 0)),
      AllowedCall("sendmsg", .at(2, linux_MSG_NOSIGNAL)),
      AllowedCall("fcntl", .at(1, F_SETFL), .at(2, within: O_NONBLOCK)),
      // To a name of a few bytes: an Internet address has 16 or more, and a connected or listening socket could be turned to
      // one (connect(2), AF_UNSPEC).
      AllowedCall("connect", .at(2, bits: 0xffff_fff0, 0)),
      AllowedCall("close"),
      // Bytes by way of memory. Where no argument is looked at, the kernel need not run the filter (seccomp(2), its bitmap of
      // calls that are always allowed); how a socket is read is nobody's gain.
      AllowedCall("recvfrom"),
      AllowedCall("recvmsg"),
      AllowedCall("sendto", .at(3, linux_MSG_NOSIGNAL), .null(4)),
      AllowedCall("sendto", .at(3, linux_MSG_NOSIGNAL | linux_MSG_MORE), .null(4)),
      AllowedCall("shutdown"),
      AllowedCall("ioctl", .at(1, linux_SIOCOUTQ)),
      // Bytes by way of a pipe.
      AllowedCall("pipe2", .at(1, O_CLOEXEC | O_NONBLOCK)),
      AllowedCall("fcntl", .at(1, linux_F_SETPIPE_SZ)),
      AllowedCall("fcntl", .at(1, linux_F_GETPIPE_SZ)),
      AllowedCall("splice", .null(1), .null(3), .at(5, Int32(linux_SPLICE_F_NONBLOCK))),
    ]
    + [
      (SOL_SOCKET, SO_ERROR), (SOL_SOCKET, SO_PEERCRED), (SOL_SOCKET, SO_SNDBUF), (Int32(IPPROTO_TCP), TCP_CONGESTION),
    ].map { AllowedCall("getsockopt", .at(1, $0), .at(2, $1)) }
    + [
      (SOL_SOCKET, SO_LINGER), (SOL_SOCKET, linux_SO_PEEK_OFF), (SOL_SOCKET, SO_SNDBUF), (SOL_SOCKET, SO_RCVLOWAT),
      (SOL_SOCKET, SO_OOBINLINE), (Int32(IPPROTO_TCP), TCP_NODELAY),
      (SOL_SOCKET, SO_KEEPALIVE), (Int32(IPPROTO_TCP), TCP_KEEPIDLE), (Int32(IPPROTO_TCP), TCP_KEEPINTVL),
      (Int32(IPPROTO_TCP), TCP_KEEPCNT),
    ].map { AllowedCall("setsockopt", .at(1, $0), .at(2, $1)) }

  /// Directory, FileStatus, Link, Trail: no file is opened but for its place.
  private static let lookUp = [
    AllowedCall("chdir"),
    AllowedCall("fchdir"),
    AllowedCall("openat", .at(2, bits: 0xffff_ffff & ~UInt64(O_DIRECTORY | O_NOFOLLOW), UInt64(O_PATH | O_CLOEXEC))),
    AllowedCall("faccessat2", .at(2, F_OK), .at(3, AT_SYMLINK_NOFOLLOW)),
    AllowedCall("newfstatat", .at(3, AT_SYMLINK_NOFOLLOW)),
    AllowedCall("newfstatat", .at(3, AT_EMPTY_PATH)), AllowedCall("fstat"),
    AllowedCall("fstatfs"),
    AllowedCall("readlinkat"),
  ]

  /// Poller, Wakeup, Signals, and the thread of the log, which reads and writes besides.
  private static let events = [
    AllowedCall("epoll_ctl"),
    AllowedCall("epoll_wait"), AllowedCall("epoll_pwait", .null(4)),
    AllowedCall("poll"), AllowedCall("ppoll", .null(3)),
    // Of a wait that was interrupted by a stop.
    AllowedCall("restart_syscall"),
    // On any descriptor: none is open but those that it needs.
    AllowedCall("read"),
    AllowedCall("write"),
  ]

  /// The C library and the Swift runtime.
  private static let library: [AllowedCall] =
    [
      // malloc: memory, and none of it for programs.
      AllowedCall("brk"),
      AllowedCall("mmap", .at(2, within: PROT_READ | PROT_WRITE), .at(3, bits: ~mayBeSet, anonymous)),
      AllowedCall("mprotect", .at(2, within: PROT_READ | PROT_WRITE)),
      AllowedCall("mremap"),
      AllowedCall("munmap"),
      AllowedCall("madvise"),
      // The seed of dictionaries.
      AllowedCall("getrandom"),
      // Where the kernel's clock cannot be read without a call.
      AllowedCall("clock_gettime"),
      // Mutex, and threads that end.
      AllowedCall("gettid"),
      AllowedCall("sched_yield"),
      AllowedCall("rt_sigprocmask"),
      AllowedCall("exit"),
      AllowedCall("exit_group"),
      // The end of the one handler of a signal: the status file was cut short.
      AllowedCall("rt_sigreturn"),
      // A bug of ours, or a heap that is found broken: the message, and the end by abort(3).
      AllowedCall("writev", .at(0, STDERR_FILENO)),
      AllowedCall("getpid"),
      AllowedCall("tgkill", .at(0, getpid()), .at(2, SIGABRT)),
    ]
    + [FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET, FUTEX_LOCK_PI, FUTEX_UNLOCK_PI, FUTEX_TRYLOCK_PI, FUTEX_LOCK_PI2].map
  {
    AllowedCall("futex", .at(1, bits: UInt64(UInt32(bitPattern: linux_FUTEX_CMD_MASK)), UInt64($0)))
  }

  /// syslog(3), which opens its socket again where its receiver was restarted.
  private static let syslog = [
    AllowedCall("getpid"),
    AllowedCall("socket", .at(0, AF_UNIX), .at(1, datagram | linux_SOCK_CLOEXEC), .at(2, 0)),
    AllowedCall("socket", .at(0, AF_UNIX), .at(1, stream | linux_SOCK_CLOEXEC), .at(2, 0)),
    AllowedCall("connect", .at(2, Int32(MemoryLayout<sockaddr_un>.size))),
    AllowedCall("sendto", .at(3, linux_MSG_NOSIGNAL), .null(4)),
  ]

  /// sd_notify(3).
  private static let notifications =
    [
      AllowedCall("getpid"),
      AllowedCall("getuid"), AllowedCall("geteuid"), AllowedCall("getgid"), AllowedCall("getegid"),
      AllowedCall("socket", .at(0, AF_UNIX), .at(1, datagram | linux_SOCK_CLOEXEC), .at(2, 0)),
      AllowedCall("sendmsg", .at(2, linux_MSG_NOSIGNAL)),
    ]
    + [SO_SNDBUF, linux_SO_SNDBUFFORCE].map { AllowedCall("setsockopt", .at(1, SOL_SOCKET), .at(2, $0)) }

  /// ListeningSocket.removeFile.
  private static let removal = [
    AllowedCall("newfstatat", .at(0, AT_FDCWD), .at(3, AT_SYMLINK_NOFOLLOW)),
    AllowedCall("unlink"), AllowedCall("unlinkat", .at(0, AT_FDCWD), .at(2, 0)),
  ]

  /// Nothing here is ever made by the program or its libraries: who calls it is somebody else.
  static let fatal = [
    // Other programs, and other processes.
    "execve", "execveat", "fork", "vfork", "ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp",
    "process_madvise",
    // Code and large parts of the kernel.
    "memfd_create", "memfd_secret", "bpf", "userfaultfd", "perf_event_open", "io_uring_setup", "io_uring_enter",
    "io_uring_register", "add_key", "request_key", "keyctl", "init_module", "finit_module", "delete_module",
    "kexec_load", "kexec_file_load", "modify_ldt", "iopl", "ioperm", "open_by_handle_at",
    // Another view of the system.
    "mount", "umount2", "mount_setattr", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
    "pivot_root", "chroot", "setns", "unshare",
    // The administrator's.
    "acct", "clock_settime", "settimeofday", "quotactl", "reboot", "sethostname", "setdomainname", "swapon", "swapoff",
    "syslog", "vhangup",
  ]

  private static let stream = linux_SOCK_STREAM
  private static let packets = linux_SOCK_SEQPACKET
  private static let datagram = linux_SOCK_DGRAM
  private static let anonymous = UInt64(MAP_PRIVATE | linux_MAP_ANONYMOUS)
  private static let mayBeSet = UInt64(MAP_NORESERVE | MAP_FIXED | MAP_STACK)
}
