package import Status
import Wire

extension Snapshot {
  /// All of it, with keys that stay the same from one version to the next.
  ///
  /// - Parameter file: where it was read
  package func json(file: String) -> JSON {
    .object([
      ("file", .text(file)),
      ("condition", .text(condition.rawValue)),
      ("version", .text(program)),
      ("process", .count(UInt64(clamping: process))),
      ("started", seconds(startedAt)),
      ("state_since", seconds(stateSince)),
      ("last_turn", lastTurn.map(seconds) ?? .null),
      ("limits", limits.json),
      ("log_lines", counted(LogLine.allCases.map { ($0.key, lines($0)) })),
      ("total", total.json(isAlive)),
      ("workers", .array(workers.map { $0.json(isAlive) })),
    ])
  }
}

extension Limits {
  fileprivate var json: JSON {
    .object([
      ("connections", .count(UInt64(maxConnections))),
      ("connections_per_client", maxPerClient.map { .count(UInt64($0)) } ?? .null),
      ("connections_per_host", maxPerHost.map { .count(UInt64($0)) } ?? .null),
      ("hello_timeout", seconds(helloTimeout)),
      ("connect_timeout", seconds(connectTimeout)),
      ("drain_timeout", seconds(drainTimeout)),
    ])
  }
}

extension Counts {
  /// - Parameter isAlive: of a process that is gone nothing is open, nor held, whatever it last said
  fileprivate func json(_ isAlive: Bool) -> JSON {
    func present(_ count: UInt64) -> UInt64 { isAlive ? count : 0 }
    return .object([
      ("accepted", .count(accepted)),
      ("open", counted(Stage.allCases.map { ($0.key, present(now($0))) })),
      ("relayed", .count(relayed)),
      ("handed_over", .count(handedOver)),
      ("handoffs_dropped", .count(droppedByReceivers)),
      ("refused", counted(Refusal.Kind.allCases.map { ($0.key, refused($0)) })),
      ("ended", counted(RelayEnd.allCases.map { ($0.key, ended($0)) })),
      ("cut_at_stop", .count(cutAtStop)),
      ("bytes", counted([("up", uploaded), ("down", downloaded)])),
      ("proxy_headers", counted([("v1", headersOfVersion1), ("v2", headersOfVersion2)])),
      ("accepting", counted(Accepting.allCases.map { ($0.key, present(now($0))) })),
      ("accept_troubles", counted(AcceptTrouble.allCases.map { ($0.key, troubles($0)) })),
      ("pipes", counted([("held", present(pipes)), ("missed", missingPipes)])),
      ("seconds", .object(Step.allCases.map { ($0.key, Distribution(times($0)).json) })),
    ])
  }
}

extension Distribution {
  fileprivate var json: JSON {
    let buckets = zip(bounds.map(JSON.number) + [.null], counts).map { bound, count in
      JSON.object([("up_to", bound), ("count", .count(count))])
    }
    return .object([
      ("count", .count(count)), ("sum", .number(sum)), ("median", json(0.5)), ("p90", json(0.9)), ("p99", json(0.99)),
      ("buckets", .array(buckets)),
    ])
  }

  /// Null where there is none, or where all that is known is that it is beyond the last bound.
  private func json(_ share: Double) -> JSON {
    if case .seconds(let seconds)? = quantile(share) { .number(seconds) } else { .null }
  }
}

private func counted(_ counts: [(String, UInt64)]) -> JSON { .object(counts.map { ($0.0, .count($0.1)) }) }

/// Of nanoseconds.
private func seconds(_ nanoseconds: Int64) -> JSON { .number(Double(nanoseconds) / 1e9) }
