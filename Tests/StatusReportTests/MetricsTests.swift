import Status
import StatusReport
import Testing
import Wire

/// What becomes of a snapshot as metrics and as JSON.
@Suite struct MetricsTests {
  @Test func `every worker has its samples`() throws {
    let status = try SampleStatus()
    status.ledger.tally(1).refused(.unknownName)
    status.ledger.tally(1).took(.connect, 250_000)
    let text = try status.snapshot().metrics.exposition
    for line in [
      "sniproxy_up 1",
      #"sniproxy_state{state="serving"} 1"#,
      "sniproxy_connections_limit 32743",
      #"sniproxy_connections_refused_total{worker="0",reason="unknown_name",alert="112"} 0"#,
      #"sniproxy_connections_refused_total{worker="1",reason="unknown_name",alert="112"} 1"#,
      #"sniproxy_connections_refused_total{worker="1",reason="hung_up",alert="none"} 0"#,
      #"sniproxy_connect_duration_seconds_bucket{worker="1",le="0.0001"} 0"#,
      #"sniproxy_connect_duration_seconds_bucket{worker="1",le="0.00025"} 1"#,
      #"sniproxy_connect_duration_seconds_sum{worker="1"} 0.00025"#,
    ] { #expect(text.split(separator: "\n").contains(Substring(line)), "\(line)") }
  }

  @Test func `each family comes once, with help that is a sentence`() throws {
    let families = try SampleStatus().snapshot().metrics
    #expect(Set(families.map(\.name)).count == families.count)
    for family in families { #expect(family.help.hasSuffix("."), "\(family.name)") }
  }

  @Test func `JSON has the same figures`() throws {
    let status = try SampleStatus()
    status.countMuch()
    let text = try status.snapshot().json(file: status.path).description
    for member in [
      #""condition": "serving""#, #""accepted": 2000"#, #""unknown_name": 22"#, #""connections_per_client": null"#,
      #""bytes": {"up": 2000000000, "down": 246000000000000}"#,
    ] { #expect(text.contains(member), "\(member)") }
  }
}
