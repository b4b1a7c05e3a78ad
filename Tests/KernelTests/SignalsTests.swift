import Glibc
import Kernel
import Testing

/// In processes of their own: signals and limits belong to the process.
@Suite struct SignalsTests {
  @Test func `a signal is something to read`() async {
    await #expect(processExitsWith: .success) {
      let signals = try Signals([SIGHUP, SIGTERM])
      var poller = try Poller()
      try poller.add(signals.number, .readable, Token(slot: 0, generation: 0, side: 0))
      #expect(signals.next() == nil)
      #expect(try poller.wait(milliseconds: 0) == 0)
      raise(SIGTERM)
      #expect(try poller.wait(milliseconds: 1000) == 1)
      #expect(signals.next() == SIGTERM)
      #expect(signals.next() == nil)
    }
  }

  @Test func `signals that come together are all told`() async {
    await #expect(processExitsWith: .success) {
      let signals = try Signals([SIGHUP, SIGTERM, SIGINT])
      for number in [SIGINT, SIGHUP, SIGTERM] { raise(number) }
      var told: Set<Int32> = []
      while let number = signals.next() { told.insert(number) }
      #expect(told == [SIGHUP, SIGTERM, SIGINT])
    }
  }

  @Test func `a signal that came ignored is told all the same`() async {
    await #expect(processExitsWith: .success) {
      _ = signal(SIGHUP, SIG_IGN)
      let signals = try Signals([SIGHUP])
      raise(SIGHUP)
      #expect(signals.next() == SIGHUP)
    }
  }

  @Test func `a write to a closed pipe kills nobody`() async {
    await #expect(processExitsWith: .success) {
      _ = try Signals([])
      let (reading, writing) = makePipe()
      close(reading)
      #expect(writeByte(writing) == -1)
      #expect(errno == EPIPE)
    }
  }

  @Test func `a signal that nobody asked for is none to read`() async {
    await #expect(processExitsWith: .success) {
      let signals = try Signals([SIGHUP])
      _ = signal(SIGUSR1, { _ in })
      raise(SIGUSR1)
      #expect(signals.next() == nil)
    }
  }
}
