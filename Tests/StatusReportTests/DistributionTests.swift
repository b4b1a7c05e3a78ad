import StatusReport
import Testing

@Suite struct DistributionTests {
  private let bounds = [1.0, 2, 4]

  @Test func `a quantile lies between the bounds of its bucket`() {
    let times = Distribution(bounds: bounds, counts: [50, 40, 9, 1], sum: 130)
    #expect(times.count == 100)
    #expect(times.quantile(0.5) == .seconds(1))
    #expect(times.quantile(0.25) == .seconds(0.5))
    #expect(times.quantile(0.7) == .seconds(1.5))
    #expect(times.quantile(0.9) == .seconds(2))
    #expect(times.quantile(0.99) == .seconds(4))
    #expect(times.quantile(1) == .beyond(4))
    #expect(Quantity.quantile(times.quantile(1)) == "> 4 s")
  }

  @Test func `without times there is no quantile`() {
    let times = Distribution(bounds: bounds, counts: [0, 0, 0, 0], sum: 0)
    #expect(times.quantile(0.5) == nil)
    #expect(Quantity.quantile(times.quantile(0.5)) == "-")
  }

  @Test func `what came since is the difference, and all of it after a reset`() {
    let before = Distribution(bounds: bounds, counts: [1, 2, 3, 4], sum: 10)
    let after = Distribution(bounds: bounds, counts: [1, 4, 3, 5], sum: 25)
    #expect(after.since(before) == Distribution(bounds: bounds, counts: [0, 2, 0, 1], sum: 15))
    #expect(before.since(after) == before)
  }
}
