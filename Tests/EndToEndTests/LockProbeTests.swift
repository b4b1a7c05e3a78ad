import Foundation
import Testing

/// What a process can do no more that has locked itself as sniproxy does, tried from inside.
@Suite(.scratch, .notSanitized("a program with a sanitizer does not lock itself in"))
struct LockProbeTests {
  @Test(arguments: [
    // Calls that no relay makes, and its own with other arguments.
    "refused",
    // A call that strace(1) answers itself.
    "traced",
    // Threads that were there before.
    "threads",
    // Another connection with a socket that is there.
    "network",
    // What only a Unix listener, or syslog and notifications, take.
    "removal", "datagrams",
  ])
  func `it is refused`(_ attempts: String) throws {
    let (status, _, error) = try run(try Program.path("lock-probe"), attempts)
    #expect(status == .exited(0), "\(error)")
  }

  @Test func `what only an intruder does ends it`() throws {
    let numbers = try run(try Program.path("lock-probe"), "numbers").output.split(separator: "\n").map(String.init)
    #expect(numbers.count > 40)
    for number in numbers { try expectEnd(number) }
  }

  #if arch(x86_64)
    /// getpid of x32.
    @Test func `so does a call by another architecture's number`() throws { try expectEnd("\(0x4000_0000 + 39)") }
  #endif

  /// No calls for a backtrace, and all that are needed to end.
  @Test func `a bug of its own ends it with a message`() throws {
    let trap = try run(try Program.path("lock-probe"), "trap")
    #expect([.signalled(SIGILL), .signalled(SIGTRAP)].contains(trap.status))
    #expect(trap.error.contains("a bug of ours"))
    let abort = try run(try Program.path("lock-probe"), "abort")
    #expect(abort.status == .signalled(SIGABRT))
    #expect(abort.error.contains("double free"))
  }

  private func expectEnd(_ number: String) throws {
    let (status, _, error) = try run(try Program.path("lock-probe"), "fatal", number)
    #expect(status == .signalled(SIGSYS), "system call \(number): \(error)")
  }
}
