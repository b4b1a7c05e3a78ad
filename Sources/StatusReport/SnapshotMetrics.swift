package import Status
import Wire

extension Snapshot {
  /// For Prometheus: names and units as "Metric and label naming" of its documentation asks for.
  package var metrics: [MetricFamily] {
    // What is now has no meaning of a process that is gone; what was counted has.
    identity + (isAlive ? present : []) + flow + times + troubles
  }

  private var identity: [MetricFamily] {
    [
      MetricFamily(.gauge, "sniproxy_up", "Whether the process of the status file lives.", .count(isAlive ? 1 : 0)),
      MetricFamily(
        .gauge, "sniproxy_build_info", "The version that wrote the status file.",
        [.init([("version", program)], .count(1))]),
      MetricFamily(
        .gauge, "sniproxy_state", "The last state that the process told: 1 for that, 0 for the others.",
        ProgramState.allCases.map { .init([("state", $0.key)], .count($0 == state ? 1 : 0)) }),
      MetricFamily(
        .gauge, "sniproxy_start_time_seconds", "When the process started, since 1970.",
        .number(Double(startedAt) / 1e9)),
      MetricFamily(
        .gauge, "sniproxy_connections_limit", "Open connections at which accepting pauses.",
        .count(UInt64(limits.maxConnections))),
    ]
  }

  private var present: [MetricFamily] {
    [
      perWorker(.gauge, "sniproxy_connections_open", "Open connections, by how far they are.", "stage", Stage.allCases)
      {
        ($1.key, $0.now($1))
      },
      perWorker(
        .gauge, "sniproxy_accepting", "Whether the worker takes new clients, or waits for room, or after an error.",
        "state", Accepting.allCases
      ) { ($1.key, $0.now($1)) },
      perWorker(.gauge, "sniproxy_pipes_held", "Pipes that the worker holds for bulk.") { $0.pipes },
    ]
  }

  private var flow: [MetricFamily] {
    [
      perWorker(.counter, "sniproxy_connections_accepted_total", "Connections accepted.") { $0.accepted },
      perWorker(.counter, "sniproxy_connections_relayed_total", "Connections that came to a backend.") { $0.relayed },
      perWorker(.counter, "sniproxy_connections_handed_over_total", "Connections that were given to a backend.") {
        $0.handedOver
      },
      perWorker(
        .counter, "sniproxy_handoffs_dropped_total", "Connections that a backend closed without taking them."
      ) { $0.droppedByReceivers },
      MetricFamily(
        .counter, "sniproxy_connections_refused_total", "Connections refused, by reason and TLS alert.",
        eachWorker { worker, counts in
          Refusal.Kind.allCases.map { kind in
            .init([worker, ("reason", kind.key), ("alert", kind.alertLabel)], .count(counts.refused(kind)))
          }
        }),
      perWorker(
        .counter, "sniproxy_relays_ended_total", "Relayed connections that ended, by how.", "end", RelayEnd.allCases
      ) { ($1.key, $0.ended($1)) },
      perWorker(.counter, "sniproxy_connections_cut_total", "Connections that the end of the process cut.") {
        $0.cutAtStop
      },
      perWorker(
        .counter, "sniproxy_relayed_bytes_total", "Bytes delivered: up to backends, down to clients.", "direction",
        [true, false]
      ) { $1 ? ("up", $0.uploaded) : ("down", $0.downloaded) },
      perWorker(.counter, "sniproxy_proxy_headers_total", "PROXY headers sent, by version.", "version", [1, 2]) {
        ("\($1)", $1 == 1 ? $0.headersOfVersion1 : $0.headersOfVersion2)
      },
    ]
  }

  private var times: [MetricFamily] {
    Step.allCases.map { step in
      MetricFamily(
        .histogram, step.metricName, step.help,
        eachWorker { worker, counts in [.init([worker], .distribution(Distribution(counts.times(step))))] })
    }
  }

  private var troubles: [MetricFamily] {
    [
      perWorker(
        .counter, "sniproxy_accept_troubles_total",
        "Times that accepting paused at the connection limit or after an error, and clients that were gone before.",
        "trouble", AcceptTrouble.allCases
      ) { ($1.key, $0.troubles($1)) },
      perWorker(.counter, "sniproxy_pipes_missed_total", "Times that the worker could have no pipe, and copied.") {
        $0.missingPipes
      },
      MetricFamily(
        .counter, "sniproxy_log_lines_total", "Lines of the log, by what became of them.",
        LogLine.allCases.map { .init([("fate", $0.key)], .count(lines($0))) }),
      MetricFamily(
        .gauge, "sniproxy_worker_last_turn_time_seconds", "When the worker's loop last turned, since 1970.",
        eachWorker { worker, counts in
          [.init([worker], .number(Double(startedAt + counts.lastTurn - startedOnClock) / 1e9))]
        }),
    ]
  }

  private func eachWorker(_ samples: (MetricFamily.Label, Counts) -> [MetricFamily.Sample]) -> [MetricFamily.Sample] {
    workers.enumerated().flatMap { samples(("worker", "\($0)"), $1) }
  }

  private func perWorker(
    _ kind: MetricFamily.Kind, _ name: String, _ help: String, _ value: (Counts) -> UInt64
  ) -> MetricFamily {
    MetricFamily(kind, name, help, eachWorker { [.init([$0], .count(value($1)))] })
  }

  private func perWorker<Case>(
    _ kind: MetricFamily.Kind, _ name: String, _ help: String, _ label: String, _ cases: [Case],
    _ value: (Counts, Case) -> (String, UInt64)
  ) -> MetricFamily {
    let samples = eachWorker { worker, counts in
      cases.map { each in
        let (key, count) = value(counts, each)
        return .init([worker, (label, key)], .count(count))
      }
    }
    return MetricFamily(kind, name, help, samples)
  }
}

extension [MetricFamily] {
  /// Where there is no status to tell. That the file cannot be read is told as what it means: as far as anybody can see, no
  /// sniproxy is up.
  package static let nothing = [
    MetricFamily(.gauge, "sniproxy_up", "Whether the process of the status file lives.", .count(0))
  ]
}

extension Refusal.Kind {
  fileprivate var alertLabel: String { alert.map { "\($0.rawValue)" } ?? "none" }
}

extension Step {
  fileprivate var metricName: String {
    switch self {
    case .hello: "sniproxy_hello_duration_seconds"
    case .lookUp: "sniproxy_look_up_duration_seconds"
    case .connect: "sniproxy_connect_duration_seconds"
    }
  }

  fileprivate var help: String {
    switch self {
    case .hello: "From accept to the complete ClientHello."
    case .lookUp: "From the ClientHello to the backend's socket, or to the refusal."
    case .connect: "From there to the connection with the backend."
    }
  }
}
