import Load

/// How clients come to the server.
enum Way: String, CaseIterable, Codable {
  case direct, handedOver, relayed

  var title: String {
    switch self {
    case .direct: "direct"
    case .handedOver: "handed over"
    case .relayed: "relayed"
    }
  }
}

/// What the server's clients do.
enum HandoffWork: String, CaseIterable, Codable {
  case download1, download8, requests64, visits, arrivals

  var title: String {
    switch self {
    case .download1: "download, 1 connection"
    case .download8: "download, 8 connections"
    case .requests64: "requests of 1 KiB, 64 kept connections"
    case .visits: "connect, handshake, request of 1 KiB, close; 32 at a time"
    case .arrivals: "2,000 clients that stay, to the server's first bytes"
    }
  }

  /// What is asked of clients that are handed over.
  var targets: [HandoffTarget] {
    switch self {
    case .download1, .download8:
      [.init(.speed, .atLeast(0.97), of: .direct), .init(.cpuPerGigabyte, .atMost(0), of: .relayed)]
    case .requests64:
      [.init(.exchanges, .atLeast(0.97), of: .direct), .init(.cpuPerExchange, .atMost(0), of: .relayed)]
    case .visits: [.init(.cpuPerConnection, .atMost(0.8), of: .relayed)]
    // Of a relayed connection this is the beginning only, so that its cost says nothing of what a connection costs.
    case .arrivals: [.init(.memory, .atMost(0), of: .relayed)]
    }
  }

  /// The figures of one turn; processor time and memory are those of the proxy, which a direct way has not.
  func measure(over route: TLSRoute, meter: Meter, scale: Scale, corpus: String) throws(Failure) -> Turn {
    let turn: Turn
    switch self {
    case .download1: turn = try download(1, route, meter, scale)
    case .download8: turn = try download(8, route, meter, scale)
    case .requests64:
      let result = try Requests(for: NginxServer.small, sessions: 64)
        .run(over: route, meter: meter, warmUp: scale.warmUp, seconds: scale.seconds)
      let figures: [Figure: Double] = [
        .exchanges: Double(result.answers) / result.usage.seconds,
        .cpuPerExchange: result.usage.proxy / Double(result.answers) * 1e6,
        .p99: result.latencies.percentile(0.99) * 1e6,
      ]
      turn = Turn(figures, result.usage)
    case .visits:
      let visits = scale.connections / 4
      _ = try Visits(visits / 8, atOnce: 32, for: NginxServer.small, over: route).run(meter: meter)
      let result = try Visits(visits, atOnce: 32, for: NginxServer.small, over: route).run(meter: meter)
      let figures: [Figure: Double] = [
        .connectionRate: Double(visits) / result.usage.seconds,
        .cpuPerConnection: result.usage.proxy / Double(visits) * 1e6,
        .p99: result.latencies.percentile(0.99) * 1e6,
      ]
      turn = Turn(figures, result.usage)
    case .arrivals:
      let arrivals = Arrivals(2000, corpus: corpus)
      let result = try arrivals.run(over: route, meter: meter)
      let figures: [Figure: Double] = [
        .connectionRate: Double(arrivals.clients) / result.usage.seconds,
        .cpuPerConnection: result.usage.proxy / Double(arrivals.clients) * 1e6,
        .memory: result.memory / 1024,
      ]
      turn = Turn(figures, result.usage)
    }
    return meter.processes.isEmpty ? turn.withoutProxy : turn
  }

  private func download(_ sessions: Int, _ route: TLSRoute, _ meter: Meter, _ scale: Scale) throws(Failure) -> Turn {
    let result = try Requests(for: NginxServer.large, sessions: sessions)
      .run(over: route, meter: meter, warmUp: scale.warmUp, seconds: scale.seconds)
    let gigabytes = Double(result.bytes) / 1e9
    let figures: [Figure: Double] = [
      .speed: gigabytes / result.usage.seconds, .cpuPerGigabyte: result.usage.proxy / gigabytes,
    ]
    return Turn(figures, result.usage)
  }
}

/// A bound of the figure's ratio to another way.
struct HandoffTarget {
  let figure: Figure
  let bound: Bound
  let way: Way

  init(_ figure: Figure, _ bound: Bound, of way: Way) {
    (self.figure, self.bound, self.way) = (figure, bound, way)
  }

  enum Bound {
    case atLeast(Double)
    case atMost(Double)
  }

  func isMet(by ratio: Double) -> Bool {
    switch bound {
    case .atLeast(let bound): ratio >= bound
    case .atMost(let bound): ratio <= bound
    }
  }

  var text: String {
    switch bound {
    case .atLeast(let bound): "at least \(bound) of \(way.title)"
    case .atMost(0): "0"
    case .atMost(let bound): "at most \(bound) of \(way.title)"
    }
  }
}
