import CLinux
import Glibc
import Kernel
import Testing

@Suite struct ProcessTests {
  @Test func `time never runs backwards`() {
    let first = monotonicNow()
    let second = monotonicNow()
    #expect(first > 0 && second >= first)
  }

  @Test func `there are processors, and not more than the machine has`() {
    #expect((1...Int(sysconf(Int32(_SC_NPROCESSORS_CONF)))).contains(availableProcessors()))
  }

  @Test func `a thread has its name`() throws {
    let name = try onThread {
      var name = [CChar](repeating: 0, count: 32)
      unsafe pthread_getname_np(pthread_self(), &name, name.count)
      return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    #expect(name == "test")
  }

  @Test func `the limit of descriptors is raised as far as it goes`() async {
    await #expect(processExitsWith: .success) {
      var limit = rlimit()
      require(unsafe getrlimit(RLIMIT_NOFILE, &limit))
      limit.rlim_cur = 100
      require(unsafe setrlimit(RLIMIT_NOFILE, &limit))
      let first = try raiseDescriptorLimit()
      #expect(first == Int(clamping: limit.rlim_max))
      #expect(try raiseDescriptorLimit() == Int(clamping: limit.rlim_max))
      require(unsafe getrlimit(RLIMIT_NOFILE, &limit))
      #expect(limit.rlim_cur == limit.rlim_max)
    }
  }

  private static let nobody = [
    "", ":", "0:", ":0", "root:0", "-1", "0:-1", "4294967296", "0:0:0", "no such user", "0 ", "0x0",
  ]

  @Test(arguments: nobody) func `a text that names no user is none`(_ text: String) {
    #expect(User(text) == nil)
  }

  @Test func `a user has a name or a number`() throws {
    let root = try #require(User("root"))
    #expect(User("0") == root)
    #expect(User("0:0") != nil)
    #expect(User("12345:23456") != User("12345:12345"))
    #expect(User("12345") != nil)
  }

  @Test(.enabled(if: isRoot)) func `who becomes a user of numbers keeps no other group`() async {
    await #expect(processExitsWith: .success) {
      try #require(User("12345:23456")).become()
      #expect(getuid() == 12345 && geteuid() == 12345 && getgid() == 23456 && getegid() == 23456)
      var groups = [gid_t](repeating: 0, count: 64)
      let count = require(unsafe getgroups(64, &groups))
      #expect(groups.prefix(Int(count)) == [23456])
      #expect(setuid(0) == -1)
      #expect(!isRoot)
    }
  }

  @Test(.enabled(if: isRoot)) func `who becomes a user of a name has that user's groups`() async {
    await #expect(processExitsWith: .success) {
      let user = try #require(User("daemon"))
      let (userID, groupID) = unsafe (getpwnam("daemon").pointee.pw_uid, getpwnam("daemon").pointee.pw_gid)
      try user.become()
      #expect(getuid() == userID && getgid() == groupID)
      var groups = [gid_t](repeating: 0, count: 64)
      let count = require(unsafe getgroups(64, &groups))
      #expect(groups.prefix(Int(count)).contains(groupID))
    }
  }

  @Test func `who may not become another user is told`() async {
    await #expect(processExitsWith: .success) {
      if isRoot { try #require(User("12345:23456")).become() }
      let root = try #require(User("0:0"))
      #expect(failure { () throws(Errno) in try root.become() } == Errno(EPERM))
    }
  }
}
