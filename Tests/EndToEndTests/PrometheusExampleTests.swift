import Foundation
import Testing

/// `examples/prometheus`: that Prometheus takes it, and that it asks for what sniproxy-status tells.
@Suite(.scratch, .requires("promtool"))
struct PrometheusExampleTests {
  private static let directory = "\(Program.package)/examples/prometheus"

  @Test func `rules and dashboard use metrics that there are`() throws {
    let file = Scratch.current.file("status")
    let proxy = try Proxy(try HostsDirectory(), "--status", file)
    let metrics = try run(try Program.path("sniproxy-status"), file, "--prometheus").output
    try proxy.stop()
    let there = Set(metrics.matches(of: /(?m)^(\w+)/).map { String($0.1) })
    for name in ["alerts.yml", "dashboard.json"] {
      let used = Set(try text(name).matches(of: /sniproxy_\w+/).map { String($0.0) })
      #expect(used.count > 5)
      #expect(used.subtracting(there).isEmpty, "\(name)")
    }
  }

  @Test func `promtool takes the configuration and the rules`() throws {
    let checked = try run("promtool", "check", "config", "\(Self.directory)/prometheus.yml")
    #expect(checked.status == .exited(0), "\(checked)")
  }

  @Test func `the dashboard is JSON, and Prometheus takes what its panels ask`() throws {
    struct Dashboard: Decodable {
      struct Panel: Decodable {
        struct Target: Decodable { let expr: String }
        let title: String
        let targets: [Target]
      }
      let panels: [Panel]
    }
    let dashboard = try JSONDecoder().decode(Dashboard.self, from: Data(text("dashboard.json").utf8))
    let expressions = dashboard.panels.flatMap(\.targets).map {
      $0.expr.replacing("$__rate_interval", with: "1m").replacing("$instance", with: ".*")
    }
    #expect(expressions.count >= dashboard.panels.count && dashboard.panels.count > 10)
    let rules = expressions.enumerated().map { "  - record: panel\($0)\n    expr: '\($1)'\n" }
    let checked = try run("promtool", "check", "rules", file("groups:\n- name: panels\n  rules:\n\(rules.joined())"))
    #expect(checked.status == .exited(0), "\(checked)")
  }

  @Test func `the alerts are raised when they should, and only then`() throws {
    let tests = "rule_files: [\(Self.directory)/alerts.yml]\n\(Self.alertTests)\n"
    let tested = try run("promtool", "test", "rules", file(tests))
    #expect(tested.status == .exited(0), "\(tested.output)\(tested.error)")
  }

  private func text(_ name: String) throws -> String {
    try String(contentsOfFile: "\(Self.directory)/\(name)", encoding: .utf8)
  }

  private func file(_ content: String) throws -> String {
    let file = Scratch.current.file("text.yml")
    try content.write(toFile: file, atomically: false, encoding: .utf8)
    return file
  }

  /// One of each trouble, and then what looks like it and is none.
  private static let alertTests = """
    evaluation_interval: 1m
    tests:
      - interval: 1m
        input_series:
          - {series: 'up{job="sniproxy",instance="gone"}', values: '0x30'}
          - {series: 'sniproxy_up{instance="dead"}', values: '0x30'}
          - {series: 'sniproxy_state{instance="dead",state="serving"}', values: '1x30'}
          - {series: 'sniproxy_state{instance="dead",state="ended"}', values: '0x30'}
          - {series: 'sniproxy_up{instance="idle"}', values: '0x30'}
          - {series: 'sniproxy_state{instance="idle",state="serving"}', values: '0x30'}
          - {series: 'sniproxy_state{instance="idle",state="ended"}', values: '1x30'}
          - {series: 'sniproxy_up{instance="new"}', values: '0x30'}
          - {series: 'sniproxy_connections_open{instance="bad",worker="0",stage="relaying"}', values: '95x30'}
          - {series: 'sniproxy_connections_limit{instance="bad"}', values: '100x30'}
          - {series: 'sniproxy_accept_troubles_total{instance="bad",worker="0",trouble="error"}', values: '0+6x30'}
          - {series: 'sniproxy_connections_refused_total{instance="bad",worker="0",reason="backend_refused",alert="80"}', values: '0+60x30'}
          - {series: 'sniproxy_connections_accepted_total{instance="bad",worker="0"}', values: '0+120x30'}
          - {series: 'sniproxy_connect_duration_seconds_bucket{instance="bad",worker="0",le="1"}', values: '0+1x30'}
          - {series: 'sniproxy_connect_duration_seconds_bucket{instance="bad",worker="0",le="2.5"}', values: '0+20x30'}
          - {series: 'sniproxy_connect_duration_seconds_bucket{instance="bad",worker="0",le="+Inf"}', values: '0+20x30'}
          - {series: 'sniproxy_log_lines_total{instance="bad",fate="lost"}', values: '0+1x30'}
          - {series: 'sniproxy_connections_handed_over_total{instance="bad",worker="0"}', values: '0+60x30'}
          - {series: 'sniproxy_handoffs_dropped_total{instance="bad",worker="0"}', values: '0+12x30'}
          - {series: 'sniproxy_connections_refused_total{instance="bad",worker="0",reason="out_of_resources",alert="80"}', values: '0+1x30'}
          - {series: 'sniproxy_relays_ended_total{instance="bad",worker="0",end="shortage"}', values: '0x30'}
        promql_expr_test:
          - expr: count by (alertname, instance) (ALERTS{alertstate="firing"})
            eval_time: 25m
            exp_samples:
              - {labels: '{alertname="SniproxyDown",instance="gone"}', value: 1}
              - {labels: '{alertname="SniproxyDown",instance="dead"}', value: 1}
              - {labels: '{alertname="SniproxyStopped",instance="idle"}', value: 1}
              - {labels: '{alertname="SniproxyStopped",instance="new"}', value: 1}
              - {labels: '{alertname="SniproxyNearLimit",instance="bad"}', value: 1}
              - {labels: '{alertname="SniproxyAcceptFails",instance="bad"}', value: 1}
              - {labels: '{alertname="SniproxyBackendUnreachable",instance="bad"}', value: 1}
              - {labels: '{alertname="SniproxyHandoffsDropped",instance="bad"}', value: 1}
              - {labels: '{alertname="SniproxyShortage",instance="bad"}', value: 1}
              - {labels: '{alertname="SniproxyBackendSlow",instance="bad"}', value: 1}
              - {labels: '{alertname="SniproxyLogLost",instance="bad"}', value: 1}
      - interval: 1m
        input_series:
          - {series: 'up{job="sniproxy",instance="good"}', values: '1x30'}
          - {series: 'sniproxy_up{instance="good"}', values: '1x30'}
          - {series: 'sniproxy_state{instance="good",state="serving"}', values: '1x30'}
          - {series: 'sniproxy_state{instance="good",state="ended"}', values: '0x30'}
          - {series: 'sniproxy_connections_open{instance="good",worker="0",stage="relaying"}', values: '40x30'}
          - {series: 'sniproxy_connections_limit{instance="good"}', values: '100x30'}
          - {series: 'sniproxy_accept_troubles_total{instance="good",worker="0",trouble="limit"}', values: '0+6x30'}
          - {series: 'sniproxy_connections_refused_total{instance="good",worker="0",reason="unknown_name",alert="112"}', values: '0+60x30'}
          - {series: 'sniproxy_connections_refused_total{instance="good",worker="0",reason="backend_refused",alert="80"}', values: '0+1x30'}
          - {series: 'sniproxy_connections_accepted_total{instance="good",worker="0"}', values: '0+120x30'}
          - {series: 'sniproxy_connect_duration_seconds_bucket{instance="good",worker="0",le="1"}', values: '0+19x30'}
          - {series: 'sniproxy_connect_duration_seconds_bucket{instance="good",worker="0",le="+Inf"}', values: '0+20x30'}
          - {series: 'sniproxy_log_lines_total{instance="good",fate="left_out"}', values: '0+1x30'}
          - {series: 'sniproxy_connections_handed_over_total{instance="good",worker="0"}', values: '0+60x30'}
          - {series: 'sniproxy_handoffs_dropped_total{instance="good",worker="0"}', values: '0+1x30'}
          - {series: 'sniproxy_connections_refused_total{instance="good",worker="0",reason="out_of_resources",alert="80"}', values: '0x30'}
          - {series: 'sniproxy_relays_ended_total{instance="good",worker="0",end="shortage"}', values: '5x30'}
        promql_expr_test:
          - expr: ALERTS{alertstate="firing"}
            eval_time: 25m
            exp_samples: []
    """
}
