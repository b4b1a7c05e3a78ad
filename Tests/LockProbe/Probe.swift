import CLinux
import CProbe
import Glibc
import Kernel
import Synchronization

/// Locks itself as sniproxy does, tries what its argument says, and tells on standard error what went otherwise than it should.
/// A program of its own, since a test's process has threads whose own calls the filter would refuse.
@main
enum Probe {
  static func main() {
    let arguments = commandLineArguments()
    switch arguments.first ?? nil {
    case "refused":
      let attempts = Attempt.refused
      lock([])
      for (index, attempt) in attempts.enumerated() {
        expect(attempt.error, EPERM, "attempt \(index): system call \(attempt.number), \(attempt.arguments)")
      }
    case "fatal":
      lock([])
      guard let number = (arguments.last ?? nil).flatMap({ Int($0) }) else { preconditionFailure() }
      expect(probe_call(number, -1, 0, 0, 0, 0), 0, "system call \(number) goes on")
      _exit(2)
    case "numbers":
      for number in Lock.fatalCalls { print(number) }
      fflush(nil)
    case "traced":
      lock([])
      // What a tracer makes of a call that it answers itself.
      expect(probe_call(-1, 0, 0, 0, 0, 0), EPERM, "system call -1")
    case "threads":
      let (ready, answer) = (pipe(), pipe())
      do throws(Errno) {
        try startThread("early") {
          var byte: UInt8 = 0
          _ = unsafe read(ready.reading, &byte, 1)
          expect(probe_call(Int(SYS_getppid), 0, 0, 0, 0, 0), EPERM, "getppid of the thread")
          expect(refusal(unsafe open("/dev/null", O_RDONLY)), EPERM, "open of the thread")
          close(answer.writing)
        }
      } catch { expect(error.code, 0, "a thread") }
      lock([])
      close(ready.writing)
      var byte: UInt8 = 0
      _ = unsafe read(answer.reading, &byte, 1)
    case "network":
      // A connection that is undone could otherwise be made anew, to anywhere.
      let connected = probe_connected()
      lock([])
      expect(probe_connect(connected, AF_UNSPEC, 2), 0, "connect to nothing")
      expect(probe_connect(connected, AF_INET, 16), EPERM, "connect to a port")
      expect(probe_connect(connected, AF_INET, 15), EINVAL, "connect with a short address")
    case "removal":
      lock([.removesFile])
      expect(refusal(unsafe unlink("/nonexistent")), ENOENT, "unlink")
      expect(refusal(socket(AF_UNIX, datagram, 0)), EPERM, "a datagram socket")
    case "datagrams":
      lock([.syslog, .notifications])
      expect(refusal(socket(AF_UNIX, datagram, 0)), 0, "a datagram socket")
      expect(refusal(socket(AF_INET, datagram, 0)), EPERM, "a UDP socket")
      expect(refusal(unsafe unlink("/nonexistent")), EPERM, "unlink")
    case "trap":
      lock([])
      fatalError("a bug of ours")
    case "abort":
      lock([])
      probe_broken_heap()
    default: preconditionFailure("lock-probe: no such case")
    }
    _exit(failures.load(ordering: .relaxed) == 0 ? 0 : 1)
  }

  private static func lock(_ duties: Lock.Duties) {
    for gap in Lock.closeFiles(removingIn: []) + Lock.filterCalls(duties) { fail("\(gap)") }
  }
}

private func expect(_ error: Int32, _ expected: Int32, _ subject: String) {
  if error != expected { fail("\(subject): error \(error) instead of \(expected)") }
}

private func fail(_ text: String) {
  failures.store(1, ordering: .relaxed)
  let bytes = Array("\(text)\n".utf8)
  _ = unsafe bytes.withUnsafeBytes { unsafe write(STDERR_FILENO, $0.baseAddress!, $0.count) }
}

private func refusal(_ result: Int32) -> Int32 { result < 0 ? errno : 0 }

private func pipe() -> (reading: Int32, writing: Int32) {
  var numbers: [Int32] = [0, 0]
  guard unsafe Glibc.pipe(&numbers) == 0 else { preconditionFailure() }
  return (numbers[0], numbers[1])
}

private let failures = Atomic(0)
private let datagram = linux_SOCK_DGRAM | linux_SOCK_CLOEXEC
