import Dispatch
import Relay
import Testing

@Suite struct AdmissionTests {
  @Test func letsInUpToTheLimit() {
    let admission = Admission(limit: 2, now: 0)
    #expect(admission.enter(now: 1))
    #expect(admission.enter(now: 2))
    #expect(!admission.enter(now: 3))
    #expect(admission.open == 2)
    #expect(admission.lastChange == 2)
    #expect(!admission.leave(now: 4))
    #expect(admission.lastChange == 4)
    #expect(admission.enter(now: 5))
  }

  @Test func whoPausesIsToldOfRoom() {
    let admission = Admission(limit: 1, now: 0)
    #expect(!admission.pause(), "there is room, so nobody would tell")
    #expect(admission.enter(now: 1))
    #expect(admission.pause())
    #expect(admission.leave(now: 2))
    admission.resume()
    #expect(admission.enter(now: 3))
    #expect(!admission.leave(now: 4))
  }

  @Test func neverOverTheLimitBetweenThreads() {
    let admission = Admission(limit: 5, now: 0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<20_000 where admission.enter(now: 0) {
        #expect(admission.open <= 5)
        _ = admission.leave(now: 0)
      }
    }
    #expect(admission.open == 0)
  }
}
