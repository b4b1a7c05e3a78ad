import StatusReport
import Testing

@Suite struct ChartTests {
  @Test func `columns rise in steps of an eighth, the latest at the right`() {
    let chart = Chart([0, 1, 4, 8, 16], width: 7, height: 2, isUnicode: true)
    #expect(chart.rows == ["      █", "   ▁▄██"])
    #expect(chart.greatest == 16)
  }

  @Test func `in ASCII a row has three steps`() {
    #expect(Chart([1, 2, 3, 6], width: 4, height: 2, isUnicode: false).rows == ["   #", ".:##"])
  }

  @Test func `what is not known is empty, and so is nothing`() {
    #expect(Chart([nil, 0, 5, nil], width: 4, height: 1, isUnicode: true).rows == ["  █ "])
    #expect(Chart([nil, 0], width: 3, height: 2, isUnicode: true).rows == ["   ", "   "])
    #expect(Chart([], width: 0, height: 0, isUnicode: true).rows == [])
  }

  @Test func `what is not nothing is seen`() {
    #expect(Chart([1, 1_000_000], width: 2, height: 1, isUnicode: true).rows == ["▁█"])
  }

  @Test func `the latest values are shown where there is no room for all`() {
    let chart = Chart([100, 1, 2], width: 2, height: 1, isUnicode: false)
    #expect(chart.rows == [":#"] && chart.greatest == 2)
  }
}
