import CLinux
import Glibc

/// The command line without the program's name; nil for an argument that is not UTF-8. The standard library's own
/// `CommandLine` is empty in every program with `CLinux` in it.
package func commandLineArguments() -> [String?] {
  var arguments: [String?] = []
  while let argument = unsafe linux_argument(Int32(arguments.count + 1)) {
    unsafe arguments.append(String(validatingCString: argument))
  }
  return arguments
}

/// Nanoseconds of the clock that never jumps (`CLOCK_MONOTONIC`, clock_gettime(2)).
package func monotonicNow() -> Int64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Nanoseconds since 1970, as the machine knows it (`CLOCK_REALTIME`, clock_gettime(2)).
package func wallClockNow() -> Int64 {
  var time = timespec()
  unsafe clock_gettime(CLOCK_REALTIME, &time)
  return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// The corresponding C function is `getpid`.
package var processNumber: Int32 { getpid() }

/// Starts a thread that nobody joins, and waits until it runs: what a thread takes to start is behind it then. The corresponding
/// C function is `pthread_create`.
///
/// - Parameter name: for ps(1) and debuggers, at most 15 bytes.
package func startThread(_ name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
  final class Start {
    let name: String
    let body: @Sendable () -> Void
    let hasBegun: Wakeup
    init(_ name: String, _ body: @escaping @Sendable () -> Void) throws(Errno) {
      self.name = name
      self.body = body
      hasBegun = try Wakeup()
    }
  }
  var attributes = pthread_attr_t()
  unsafe pthread_attr_init(&attributes)
  defer { unsafe pthread_attr_destroy(&attributes) }
  unsafe pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
  let start = try Start(name, body)
  let passed = unsafe Unmanaged.passRetained(start)
  var thread = pthread_t()
  let status = unsafe pthread_create(
    &thread, &attributes,
    { argument in
      let start = unsafe Unmanaged<Start>.fromOpaque(argument!).takeRetainedValue()
      unsafe pthread_setname_np(pthread_self(), start.name)
      start.hasBegun.signal()
      start.body()
      return nil
    }, passed.toOpaque())
  guard status == 0 else {
    unsafe passed.release()
    throw Errno(status)
  }
  start.hasBegun.wait()
}

/// Processors that this process may run on. The corresponding C function is `sched_getaffinity`.
package func availableProcessors() -> Int {
  var set = cpu_set_t()
  guard unsafe sched_getaffinity(0, MemoryLayout<cpu_set_t>.size, &set) == 0 else { return 1 }
  let count = unsafe withUnsafeBytes(of: set) { unsafe $0.reduce(0) { $0 + $1.nonzeroBitCount } }
  return max(1, count)
}

/// Raises the soft limit of open descriptors to the hard one where that is allowed, and gives what it is then. The
/// corresponding C functions are `getrlimit` and `setrlimit` with `RLIMIT_NOFILE`.
package func raiseDescriptorLimit() throws(Errno) -> Int {
  var limit = rlimit()
  try call { unsafe getrlimit(RLIMIT_NOFILE, &limit) }
  var raised = limit
  raised.rlim_cur = limit.rlim_max
  if unsafe setrlimit(RLIMIT_NOFILE, &raised) == 0 { limit = raised }
  return Int(clamping: limit.rlim_cur)
}

/// Closes the descriptors from this number on, where the kernel can (Linux 5.9). The corresponding C function is
/// `close_range`.
package func closeDescriptors(from number: Int32) { _ = close_range(UInt32(number), .max, 0) }

/// Whether the process has root's user id. The corresponding C function is `geteuid`.
package var isRoot: Bool { geteuid() == 0 }

/// Gives up what root may do beyond a user like others, for the calling thread. The corresponding C function is `capset`.
package func dropCapabilities() throws(Errno) { try call { linux_drop_capabilities() } }

/// The user id of this process. The corresponding C function is `geteuid`.
package var effectiveUser: UserID { geteuid() }

/// True if the process is in the group, be it by a supplementary one. The corresponding C functions are `getegid` and
/// `getgroups`.
package func isMember(of group: GroupID) -> Bool {
  getegid() == group || supplementaryGroups.contains(group)
}

private var supplementaryGroups: [GroupID] {
  let count = getgroups(0, nil)
  guard count > 0 else { return [] }
  return unsafe [gid_t](unsafeUninitializedCapacity: Int(count)) { buffer, used in
    used = unsafe max(0, Int(getgroups(count, buffer.baseAddress)))
  }
}

/// A group by its name or number; nil if there is no such group. The corresponding C function is `getgrnam`.
package func groupNumber(_ text: String) -> GroupID? {
  // The greatest number stands for no change (setresgid(2)).
  if let number = GroupID(text) { return number == .max ? nil : number }
  guard let entry = unsafe getgrnam(text) else { return nil }
  return unsafe entry.pointee.gr_gid
}

/// The name of a user; nil if there is none. The corresponding C function is `getpwuid`.
package func userName(_ user: UserID) -> String? {
  guard let entry = unsafe getpwuid(user) else { return nil }
  return unsafe String(cString: entry.pointee.pw_name)
}

/// A user to become.
package struct User: Equatable, Sendable {
  let userID: uid_t
  let groupID: gid_t
  /// For the supplementary groups; nil if only numbers are known.
  let name: String?
  /// Supplementary groups besides, as `SupplementaryGroups=` gives them (systemd.exec(5)).
  package var moreGroups: [GroupID] = []

  /// A name, `UID` or `UID:GID`; nil if there is no such user. The corresponding C functions are `getpwnam` and
  /// `getpwuid`.
  package init?(_ text: String) {
    let parts = text.split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
    // The greatest number stands for no change (setresuid(2)).
    if parts.contains(where: { uid_t($0) == .max }) { return nil }
    if let userID = uid_t(parts[0]) {
      self.userID = userID
      if parts.count == 2 {
        guard let groupID = gid_t(parts[1]) else { return nil }
        self.groupID = groupID
        name = nil
      } else if let entry = unsafe getpwuid(userID) {
        groupID = unsafe entry.pointee.pw_gid
        name = unsafe String(cString: entry.pointee.pw_name)
      } else {
        groupID = gid_t(userID)
        name = nil
      }
    } else {
      guard parts.count == 1, let entry = unsafe getpwnam(text) else { return nil }
      userID = unsafe entry.pointee.pw_uid
      groupID = unsafe entry.pointee.pw_gid
      name = text
    }
  }

  /// Becomes this user for good. The corresponding C functions are `initgroups` or `setgroups`, `setresgid` and `setresuid`.
  package func become() throws(Errno) {
    // Only root can.
    Privileges.limitCapabilities()
    if let name {
      try call { unsafe initgroups(name, groupID) }
    } else {
      var group = groupID
      try call { unsafe setgroups(1, &group) }
    }
    if !moreGroups.isEmpty {
      let all = supplementaryGroups + moreGroups
      try call { unsafe setgroups(all.count, all) }
    }
    try call { setresgid(groupID, groupID, groupID) }
    try call { setresuid(userID, userID, userID) }
  }
}
