import Load

/// What the programs are made to do.
enum Work: String, CaseIterable, Codable {
  case download1, download32, upload8, pingPong64, pingPong1, connections, idle, burst

  var title: String {
    switch self {
    case .download1: "download, 1 stream"
    case .download32: "download, 32 streams"
    case .upload8: "upload, 8 streams"
    case .pingPong64: "ping-pong of 1 KiB, 64 connections"
    case .pingPong1: "ping-pong of 1 KiB, 1 connection"
    case .connections: "connect, hello, 1.5 KB answer, close; 64 at a time"
    case .idle: "4,000 idle sessions"
    case .burst: "1,000 clients at once"
    }
  }

  /// Where there is little room.
  var shortTitle: String {
    switch self {
    case .download1: "Download, 1 stream"
    case .download32: "Download, 32 streams"
    case .upload8: "Upload, 8 streams"
    case .pingPong64: "Ping-pong, 64 connections"
    case .pingPong1: "Ping-pong, 1 connection"
    case .connections: "Short connections"
    case .idle: "4,000 idle sessions"
    case .burst: "1,000 clients at once"
    }
  }

  /// What is asked of sniproxy, against the best of the peers. The rest of a work's figures is for information.
  var targets: [Target] {
    switch self {
    case .download1, .download32, .upload8: [Target(.speed, .atLeast(2)), Target(.cpuPerGigabyte, .atMost(0.5))]
    case .pingPong64: [Target(.exchanges, .atLeast(1)), Target(.cpuPerExchange, .atMost(1)), Target(.p99, .atMost(1))]
    case .pingPong1: [Target(.cpuPerExchange, .atMost(1))]
    case .connections: [Target(.cpuPerConnection, .atMost(0.95))]
    case .idle: [Target(.memory, .atMost(0.1)), Target(.memory, .below(0.5))]
    case .burst: [Target(.p99, .atMost(1), against: .haproxy)]
    }
  }
}

/// What is measured of a work.
enum Figure: String, CaseIterable, Codable, CodingKeyRepresentable {
  case speed = "GB/s"
  case cpuPerGigabyte = "CPU s/GB"
  case exchanges = "exchanges/s"
  case cpuPerExchange = "CPU us each"
  case connectionRate = "connections/s"
  case cpuPerConnection = "CPU us/connection"
  case p50 = "p50 us"
  case p99 = "p99 us"
  case memory = "KiB each"

  var moreIsBetter: Bool {
    switch self {
    case .speed, .exchanges, .connectionRate: true
    case .cpuPerGigabyte, .cpuPerExchange, .cpuPerConnection, .p50, .p99, .memory: false
    }
  }

  /// As a person reads it beside the title of the work.
  var title: String {
    switch self {
    case .speed: "speed"
    case .exchanges: "exchanges"
    case .connectionRate: "connections"
    case .cpuPerGigabyte, .cpuPerExchange, .cpuPerConnection: "processor time"
    case .p50: "median latency"
    case .p99: "latency, p99"
    case .memory: "memory"
    }
  }

  var decimals: Int {
    switch self {
    case .speed, .cpuPerExchange, .cpuPerConnection, .memory: 2
    case .cpuPerGigabyte: 3
    case .exchanges, .connectionRate, .p50, .p99: 0
    }
  }
}

struct Target {
  let figure: Figure
  let bound: Bound
  let rivals: Rivals

  init(_ figure: Figure, _ bound: Bound, against rivals: Rivals = .all) {
    self.figure = figure
    self.bound = bound
    self.rivals = rivals
  }

  /// The first two bound the ratio to the best of the peers, the last the figure itself.
  enum Bound {
    case atLeast(Double)
    case atMost(Double)
    case below(Double)
  }

  var text: String {
    switch bound {
    case .atLeast(let bound): "at least \(bound)"
    case .atMost(let bound): "at most \(bound)"
    case .below(let bound): "at most \(bound) \(figure.rawValue.split(separator: " ")[0])"
    }
  }

  enum Rivals {
    case all, haproxy, untuned

    func include(_ program: Program) -> Bool {
      switch self {
      case .all: program.kind != .ours
      case .haproxy: program.kind == .haproxy
      case .untuned: program.kind != .ours && !program.isTuned
      }
    }
  }
}

/// How long and how many. The works take their shares of it.
struct Scale {
  let warmUp: Double
  let seconds: Double
  let connections: Int
  let bursts: Int

  static let full = Scale(warmUp: 0.15, seconds: 0.4, connections: 6_000, bursts: 5)
  static let quick = Scale(warmUp: 0.15, seconds: 0.3, connections: 4_000, bursts: 2)
}

extension Work {
  /// The figures of one turn, and how the processors were used meanwhile.
  ///
  /// - Parameter hostile: who comes beside the short connections.
  func measure(
    over route: Route, meter: Meter, scale: Scale, beside hostile: HalfHellos? = nil
  ) throws(Failure) -> Turn {
    switch self {
    case .download1: try streams(.download, 1, route, meter, scale)
    case .download32: try streams(.download, 32, route, meter, scale)
    case .upload8: try streams(.upload, 8, route, meter, scale)
    case .pingPong64: try pingPong(64, route, meter, scale)
    case .pingPong1: try pingPong(1, route, meter, scale)
    case .connections: try connections(route, meter, scale, hostile)
    case .idle: Turn([.memory: try Idle(sessions: 4000).run(over: route, meter: meter) / 1024])
    case .burst: try burst(route, meter, scale)
    }
  }

  private func streams(
    _ direction: Streams.Direction, _ sessions: Int, _ route: Route, _ meter: Meter, _ scale: Scale
  ) throws(Failure) -> Turn {
    let result = try Streams(direction, sessions: sessions)
      .run(over: route, meter: meter, warmUp: scale.warmUp, seconds: scale.seconds)
    let gigabytes = Double(result.bytes) / 1e9
    let (speed, cpu) = (gigabytes / result.usage.seconds, result.usage.proxy / gigabytes)
    return Turn([.speed: speed, .cpuPerGigabyte: cpu], result.usage)
  }

  private func pingPong(_ sessions: Int, _ route: Route, _ meter: Meter, _ scale: Scale) throws(Failure) -> Turn {
    let result = try PingPong(sessions: sessions)
      .run(over: route, meter: meter, warmUp: scale.warmUp, seconds: scale.seconds)
    let figures: [Figure: Double] = [
      .exchanges: Double(result.exchanges) / result.usage.seconds,
      .cpuPerExchange: result.usage.proxy / Double(result.exchanges) * 1e6,
      .p50: result.latencies.percentile(0.5) * 1e6, .p99: result.latencies.percentile(0.99) * 1e6,
    ]
    return Turn(figures, result.usage)
  }

  private func connections(
    _ route: Route, _ meter: Meter, _ scale: Scale, _ hostile: HalfHellos?
  ) throws(Failure) -> Turn {
    _ = try Connections(scale.connections / 8, atOnce: 64, over: route).run(meter: meter)
    let result = try Connections(scale.connections, atOnce: 64, over: route, beside: hostile).run(meter: meter)
    let figures: [Figure: Double] = [
      .connectionRate: Double(result.connections) / result.usage.seconds,
      .cpuPerConnection: result.usage.proxy / Double(result.connections) * 1e6,
      .p99: result.latencies.percentile(0.99) * 1e6,
    ]
    return Turn(figures, result.usage)
  }

  /// The first burst finds everything cold and is not counted.
  private func burst(_ route: Route, _ meter: Meter, _ scale: Scale) throws(Failure) -> Turn {
    _ = try Connections(1000, atOnce: 1000, over: route).run(meter: meter)
    var results: [Connections.Result] = []
    for _ in 0..<scale.bursts {
      try pause(seconds: 0.02)
      results.append(try Connections(1000, atOnce: 1000, over: route).run(meter: meter))
    }
    let latencies = results.dropFirst().reduce(into: results[0].latencies) { $0.add($1.latencies) }
    let figures: [Figure: Double] = [
      .p50: latencies.percentile(0.5) * 1e6, .p99: latencies.percentile(0.99) * 1e6,
      .cpuPerConnection: results.reduce(0) { $0 + $1.usage.proxy } / Double(1000 * results.count) * 1e6,
    ]
    return Turn(figures, results.last?.usage)
  }
}

/// One measurement.
struct Turn: Codable {
  let figures: [Figure: Double]
  /// Parts of a core. Near 1 the load, or the others, were in the way.
  let loadShare: Double
  let othersShare: Double
  let proxyShare: Double

  /// Others took more than a tenth of a core.
  var isDisturbed: Bool { othersShare > 0.1 }

  init(_ figures: [Figure: Double], _ usage: Usage? = nil) {
    self.figures = figures
    loadShare = usage?.loadShare ?? 0
    othersShare = usage?.othersShare ?? 0
    proxyShare = usage.map { $0.proxy / $0.seconds } ?? 0
  }

  private init(_ turn: Turn, _ figures: [Figure: Double]) {
    (self.figures, loadShare) = (figures, turn.loadShare)
    (othersShare, proxyShare) = (turn.othersShare, turn.proxyShare)
  }

  /// Without the figures of a proxy that was not there.
  var withoutProxy: Turn {
    let ofProxy: Set<Figure> = [.cpuPerGigabyte, .cpuPerExchange, .cpuPerConnection, .memory]
    return Turn(self, figures.filter { !ofProxy.contains($0.key) })
  }
}
