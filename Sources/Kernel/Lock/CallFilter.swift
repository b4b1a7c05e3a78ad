import CSeccomp
import Glibc

/// The kernel's filter of system calls (seccomp(2), libseccomp's seccomp_load(3)).
enum CallFilter {
  /// Sets it for all threads of the process. A call that is not among the allowed ones fails with `EPERM`; one of the fatal
  /// ones, and one by another architecture's numbers, ends the process with `SIGSYS`.
  static func load(_ allowed: [AllowedCall], fatal: [Int32]) throws(Errno) {
    guard let filter = unsafe seccomp_init(refuse) else { throw Errno(ENOMEM) }
    defer { unsafe seccomp_release(filter) }
    for (attribute, value) in [
      (SCMP_FLTATR_CTL_TSYNC, 1),
      (SCMP_FLTATR_ACT_BADARCH, kill),
      // -1 is what a tracer makes of a call that it answers itself (strace(1), --inject): no reason to end.
      (SCMP_FLTATR_API_TSKIP, 1),
      // The kernel's own errors.
      (SCMP_FLTATR_API_SYSRAWRC, 1),
      // A binary search.
      (SCMP_FLTATR_CTL_OPTIMIZE, 2),
    ] as [(scmp_filter_attr, UInt32)] {
      try check(unsafe seccomp_attr_set(filter, attribute, value))
    }
    for call in allowed {
      guard let number = number(call.name) else { continue }
      let comparisons = call.arguments.map(\.comparison)
      try check(
        unsafe comparisons.withUnsafeBufferPointer {
          unsafe seccomp_rule_add_array(filter, SCMP_ACT_ALLOW, number, UInt32($0.count), $0.baseAddress)
        })
    }
    for number in fatal {
      try check(unsafe seccomp_rule_add_array(filter, kill, number, 0, nil))
    }
    try check(unsafe seccomp_load(filter))
  }

  /// Nil for a call that this architecture does not have.
  static func number(_ name: String) -> Int32? {
    let number = unsafe seccomp_syscall_resolve_name(name)
    // For any name that it knows the library gives a number, a negative one where it is only another's.
    precondition(number != unknownName, "no system call has the name \(name)")
    return number < 0 ? nil : number
  }

  private static func check(_ status: Int32) throws(Errno) {
    guard status == 0 else { throw Errno(-status) }
  }

  // Macros that Swift cannot import: SCMP_ACT_ERRNO(EPERM), SCMP_ACT_KILL_PROCESS, __NR_SCMP_ERROR.
  private static let refuse: UInt32 = 0x0005_0000 | UInt32(EPERM)
  private static let kill: UInt32 = 0x8000_0000
  private static let unknownName: Int32 = -1
}

/// A system call, and what its arguments have to be.
struct AllowedCall {
  let name: String
  let arguments: [Argument]

  init(_ name: String, _ arguments: Argument...) {
    self.name = name
    self.arguments = arguments
  }

  struct Argument {
    let comparison: scmp_arg_cmp

    /// The argument at this place, from 0, is this int. The kernel does not look at the rest of the register.
    static func at(_ place: UInt32, _ value: Int32) -> Argument {
      at(place, bits: 0xffff_ffff, UInt64(UInt32(bitPattern: value)))
    }

    /// The argument has no other bits than these.
    static func at(_ place: UInt32, within bits: Int32) -> Argument {
      at(place, bits: ~UInt64(UInt32(bitPattern: bits)), 0)
    }

    /// The argument is a pointer to nothing.
    static func null(_ place: UInt32) -> Argument { at(place, bits: .max, 0) }

    /// Of these bits of the argument, those of `value` are set and no other.
    static func at(_ place: UInt32, bits: UInt64, _ value: UInt64) -> Argument {
      Argument(comparison: scmp_arg_cmp(arg: place, op: SCMP_CMP_MASKED_EQ, datum_a: bits, datum_b: value))
    }
  }
}
