import StatusReport
import Testing

/// Prometheus' text format.
@Suite struct ExpositionTests {
  @Test func `a family has its help and type once, and its samples below`() {
    let family = MetricFamily(
      .counter, "a_total", "What is counted.",
      [.init([("kind", "x")], .count(3)), .init([("kind", "y")], .count(.max))])
    #expect(
      [family, MetricFamily(.gauge, "b", "Another.", .number(0.25))].exposition == """
        # HELP a_total What is counted.
        # TYPE a_total counter
        a_total{kind="x"} 3
        a_total{kind="y"} 18446744073709551615
        # HELP b Another.
        # TYPE b gauge
        b 0.25

        """)
  }

  @Test func `a histogram is cumulative, and its last bucket is its count`() {
    let times = Distribution(bounds: [0.00001, 0.5, 10], counts: [1, 2, 0, 4], sum: 41.5)
    let family = MetricFamily(.histogram, "t_seconds", "Time.", [.init([("worker", "0")], .distribution(times))])
    #expect(
      [family].exposition == """
        # HELP t_seconds Time.
        # TYPE t_seconds histogram
        t_seconds_bucket{worker="0",le="1e-05"} 1
        t_seconds_bucket{worker="0",le="0.5"} 3
        t_seconds_bucket{worker="0",le="10"} 3
        t_seconds_bucket{worker="0",le="+Inf"} 7
        t_seconds_sum{worker="0"} 41.5
        t_seconds_count{worker="0"} 7

        """)
  }

  @Test func `what would end a label or a line is escaped`() {
    let family = MetricFamily(.gauge, "a", "One\\two\n\"three\".", [.init([("l", "\\\"\n")], .count(1))])
    #expect(
      [family].exposition == #"""
        # HELP a One\\two\n"three".
        # TYPE a gauge
        a{l="\\\"\n"} 1

        """#)
  }
}
