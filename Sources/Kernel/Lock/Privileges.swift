import CLinux
import Glibc

/// What a process may do beyond what its user may.
enum Privileges {
  /// The effective capabilities of the calling thread, a bit each (capabilities(7)). The corresponding C function is `capget`.
  static var effective: UInt64 { linux_effective_capabilities() }

  /// Gives them all up, for the calling thread and those that it starts.
  ///
  /// - Throws: the first error, when all the rest is given up.
  static func drop() throws(Errno) {
    limitCapabilities()
    var failure: Errno?
    func attempt(_ body: () -> Int32) {
      do throws(Errno) { try call(body) } catch { failure = failure ?? error }
    }
    // No program that is started gets more, by a set-user-ID bit or file capabilities (no_new_privs, prctl(2)).
    attempt { linux_prctl(PR_SET_NO_NEW_PRIVS, 1, 0) }
    // What clients send is in memory: not for the user's other processes (ptrace(2)), nor for a core file.
    attempt { linux_prctl(PR_SET_DUMPABLE, 0, 0) }
    var none = rlimit(rlim_cur: 0, rlim_max: 0)
    attempt { unsafe setrlimit(RLIMIT_CORE, &none) }
    attempt { linux_drop_capabilities() }
    if let failure { throw failure }
  }

  /// Empties the bounding set and the ambient set (capabilities(7)), which takes `CAP_SETPCAP`: who does not have it leaves
  /// the first as it is. The corresponding C function is `prctl`.
  static func limitCapabilities() {
    var capability: UInt = 0
    // Up to the first that the kernel does not know.
    while linux_prctl(PR_CAPBSET_DROP, capability, 0) == 0 { capability += 1 }
    _ = linux_prctl(PR_CAP_AMBIENT, UInt(PR_CAP_AMBIENT_CLEAR_ALL), 0)
  }
}
