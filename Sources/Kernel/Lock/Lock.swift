import CLinux
import Glibc

/// What a process takes from itself for good once it has opened all that it needs, so that whoever takes it over from then on
/// can do no more with it than it did itself.
///
/// Two steps, since the kernel passes some of it on to new threads only, and some calls are needed to start threads:
/// `closeFiles` while there is one thread, `filterCalls` when all threads are there.
///
/// A sanitizer's library opens files and makes calls of its own at any time. Where `SANITIZED` is defined, as by
/// `make test-sanitize`, only the privileges are given up.
package enum Lock {
  /// What the kernel did not do.
  package enum Gap: Equatable, Sendable {
    case privileges(Errno)
    case files(Errno)
    /// Landlock is there, without rights that later versions of it know.
    case fileRights([String])
    case calls(Errno)
  }

  /// True if the process may do more than its user, besides binding low ports, which is done by then (capabilities(7)).
  package static var hasCapabilities: Bool { Privileges.effective & ~(1 << 10) != 0 }

  /// Gives up privileges and, but for the `O_PATH` kind, the opening of files. Threads that are started later inherit it.
  ///
  /// - Parameter directories: where, and below which, files may still be removed.
  /// - Precondition: the calling thread is the only one.
  package static func closeFiles(removingIn directories: [String]) -> [Gap] {
    var gaps: [Gap] = []
    askForMemory()
    do throws(Errno) { try Privileges.drop() } catch { gaps.append(.privileges(error)) }
    #if !SANITIZED
      do throws(Errno) {
        let unknown = try Landlock.restrict(removingIn: directories)
        if !unknown.isEmpty { gaps.append(.fileRights(unknown)) }
      } catch {
        gaps.append(.files(error))
      }
    #endif
    return gaps
  }

  /// When a thread's heap first shrinks, glibc opens /proc/sys/vm/overcommit_memory, once for all: now, while it can. (With
  /// many threads it would also like to count the processors, and does without.)
  private static func askForMemory() {
    do throws(Errno) {
      let isDone = try Wakeup()
      let number = isDone.number
      try startThread("malloc") {
        linux_try_out_malloc()
        eventfd_write(number, 1)
      }
      isDone.wait()
    } catch {
      // Then the C library does without, as it does where there is no /proc.
    }
  }

  /// Leaves all threads the system calls that the duties take, with the arguments that they take.
  package static func filterCalls(_ duties: Duties) -> [Gap] {
    // Found out now, and not when it is needed first.
    _ = Pipe.mayLeadToUnixSocket
    #if SANITIZED
      return []
    #else
      do throws(Errno) {
        try CallFilter.load(AllowedCall.all(for: duties), fatal: fatalCalls)
        // Building it took memory that nobody needs any more.
        malloc_trim(0)
        return []
      } catch {
        return [.calls(error)]
      }
    #endif
  }

  /// The numbers of the calls that end the process then.
  package static var fatalCalls: [Int32] { AllowedCall.fatal.compactMap(CallFilter.number) }

  /// What a process has to do besides relaying.
  package struct Duties: OptionSet, Sendable {
    package let rawValue: Int
    package init(rawValue: Int) { self.rawValue = rawValue }

    package static var syslog: Duties { Duties(rawValue: 1) }
    /// sd_notify(3).
    package static var notifications: Duties { Duties(rawValue: 2) }
    /// Of a Unix listener.
    package static var removesFile: Duties { Duties(rawValue: 4) }
    /// `SocketPath.needsLongAddresses`.
    package static var longAddresses: Duties { Duties(rawValue: 8) }
  }
}
