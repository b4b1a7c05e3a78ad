import Relay
import Testing

@Suite struct DeadlinesTests {
  private func deadlines() -> Deadlines {
    Deadlines { kind in
      switch kind {
      case .hello: 100
      case .retrySoon: 10
      case .retryLater: 50
      case .linger: 70
      }
    }
  }

  @Test func fallDueInTheOrderOfTime() {
    var deadlines = deadlines()
    deadlines.set(.hello, for: 0, now: 0)
    deadlines.set(.retrySoon, for: 1, now: 5)
    deadlines.set(.hello, for: 2, now: 6)
    #expect(deadlines.next == 15)
    #expect(deadlines.takeDue(now: 14) == nil)
    #expect(deadlines.takeDue(now: 15)?.slot == 1)
    #expect(deadlines.next == 100)
    #expect(deadlines.takeDue(now: 105)?.slot == 0)
    #expect(deadlines.takeDue(now: 105) == nil)
    #expect(deadlines.takeDue(now: 106)?.slot == 2)
    #expect(deadlines.next == nil)
  }

  @Test func aNewOneReplacesTheOld() {
    var deadlines = deadlines()
    deadlines.set(.hello, for: 3, now: 0)
    deadlines.set(.linger, for: 3, now: 50)
    #expect(deadlines.next == 120)
    #expect(deadlines.takeDue(now: 119) == nil)
    let due = deadlines.takeDue(now: 120)
    #expect(due?.slot == 3 && due?.kind == .linger)
  }

  @Test func cancellingTwiceOrNothingIsNothing() {
    var deadlines = deadlines()
    deadlines.cancel(7)
    deadlines.set(.hello, for: 1, now: 0)
    deadlines.cancel(1)
    deadlines.cancel(1)
    #expect(deadlines.next == nil)
  }

  /// Against a dictionary that is searched from end to end.
  @Test(arguments: 0..<20) func agreesWithTheObviousWay(seed: Int) {
    var random = Dice(seed: seed)
    var deadlines = deadlines()
    var plain: [Int: (due: Int64, kind: Deadlines.Kind)] = [:]
    let lengths: [Deadlines.Kind: Int64] = [.hello: 100, .retrySoon: 10, .retryLater: 50, .linger: 70]
    var now: Int64 = 0
    for _ in 0..<2_000 {
      now += Int64.random(in: 0...5, using: &random)
      let slot = Int.random(in: 0..<16, using: &random)
      switch Int.random(in: 0..<4, using: &random) {
      case 0:
        deadlines.cancel(slot)
        plain[slot] = nil
      case 1:
        while let due = deadlines.takeDue(now: now) {
          #expect(plain[due.slot]?.kind == due.kind)
          #expect((plain[due.slot]?.due ?? .max) <= now)
          plain[due.slot] = nil
        }
        #expect(plain.values.allSatisfy { $0.due > now })
      default:
        let kind = Deadlines.Kind.allCases.randomElement(using: &random)!
        deadlines.set(kind, for: slot, now: now)
        plain[slot] = (now + lengths[kind]!, kind)
      }
      #expect(deadlines.next == plain.values.map(\.due).min())
    }
  }
}
