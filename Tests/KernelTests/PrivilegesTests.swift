import CLinux
import CProbe
import Glibc
import Kernel
import Testing

/// What a process may do with its privileges given up. Each test's process loses them for good.
@Suite struct PrivilegesTests {
  @Test func `nothing gives privileges back`() async {
    await #expect(processExitsWith: .success) {
      _ = Lock.closeFiles(removingIn: [])
      #expect(linux_prctl(PR_GET_NO_NEW_PRIVS, 0, 0) == 1)
      #expect(probe_capabilities() == 0)
      let (bounding, ambient) = boundingAndAmbient
      #expect(ambient == 0)
      if isRoot {
        #expect(bounding == 0)
        #expect(probe_call(Int(SYS_setresuid), 1, 1, 1, 0, 0) == EPERM)
        #expect(probe_call(Int(SYS_setgroups), 0, 0, 0, 0, 0) == EPERM)
        #expect(refusal(unsafe chroot("/")) == EPERM)
      }
    }
  }

  @Test func `it leaves no core file, and nobody else may look into its memory`() async {
    await #expect(processExitsWith: .success) {
      _ = Lock.closeFiles(removingIn: [])
      #expect(linux_prctl(PR_GET_DUMPABLE, 0, 0) == 0)
      var limit = rlimit()
      require(unsafe getrlimit(RLIMIT_CORE, &limit))
      #expect(limit.rlim_cur == 0 && limit.rlim_max == 0)
      limit.rlim_max = 1
      #expect(refusal(unsafe setrlimit(RLIMIT_CORE, &limit)) == EPERM)
    }
  }

  @Test func `threads that are started later have none either`() async {
    await #expect(processExitsWith: .success) {
      _ = Lock.closeFiles(removingIn: [])
      let isSet = try onThread { linux_prctl(PR_GET_NO_NEW_PRIVS, 0, 0) }
      #expect(isSet == 1)
      let capabilities = try onThread { probe_capabilities() }
      #expect(capabilities == 0)
    }
  }

  @Test(.enabled(if: isRoot)) func `who became another user does not come back`() async {
    await #expect(processExitsWith: .success) {
      // Not with this either, which keeps capabilities through a change of the user (capabilities(7)).
      require(linux_prctl(PR_SET_KEEPCAPS, 1, 0))
      try #require(User("12345:23456")).become()
      _ = Lock.closeFiles(removingIn: [])
      #expect(setuid(0) == -1 && seteuid(0) == -1 && setgid(0) == -1)
      #expect(probe_capabilities() == 0)
      let (bounding, ambient) = boundingAndAmbient
      #expect(bounding == 0 && ambient == 0)
    }
  }
}

/// How many capabilities the bounding set and the ambient set have.
private var boundingAndAmbient: (Int, Int) {
  let all = 0...UInt(CAP_LAST_CAP)
  return (
    all.count { linux_prctl(PR_CAPBSET_READ, $0, 0) == 1 },
    all.count { linux_prctl(PR_CAP_AMBIENT, UInt(PR_CAP_AMBIENT_IS_SET), $0) == 1 }
  )
}
