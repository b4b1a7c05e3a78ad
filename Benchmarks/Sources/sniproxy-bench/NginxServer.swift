import CBench
import Foundation
import Load

/// An unmodified nginx that serves TLS, with three ways to it. The way through the proxy is the one that the name leads
/// to.
final class NginxServer {
  let port: UInt16
  let processes: [Int32]
  private let group: ProcessGroup

  static let small = "/small"
  static let large = "/large"

  /// On the proxies' core: with the proxy it is what the load is for.
  init(_ nginx: String, listen: String, templates: String, bench: Bench) throws(Failure) {
    let scratch = bench.scratch
    let hosts = try scratch.hosts(10)
    let handoff = "\(hosts)/\(Self.name(of: .handedOver))"
    let relay = "\(hosts)/\(Self.name(of: .relayed))"
    let certificate = "\(scratch.path)/certificate.pem"
    port = UInt16(exactly: bench_free_port()) ?? 0
    let file = "\(scratch.path)/nginx-server.conf"
    do {
      for directory in [handoff, relay, "\(scratch.path)/www"] {
        try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
      }
      try Data(repeating: 120, count: 1024).write(to: URL(filePath: "\(scratch.path)/www\(Self.small)"))
      try Data(repeating: 120, count: 32 << 20).write(to: URL(filePath: "\(scratch.path)/www\(Self.large)"))
      let values = [
        "PORT": "\(port)", "DIRECTORY": scratch.path, "SOCKET": "\(relay)/tls-socket", "CERTIFICATE": certificate,
        "DESCRIPTORS": "\(bench.descriptors)",
      ]
      let template = try text(of: "\(templates)/nginx-server.conf")
      try values.reduce(template) { $0.replacingOccurrences(of: "@\($1.key)@", with: $1.value) }
        .write(toFile: file, atomically: false, encoding: .utf8)
    } catch {
      throw Failure("\(scratch.path): nginx as a server cannot be prepared: \(error)")
    }
    let log = "\(scratch.path)/nginx-server.log"
    let request = [
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc", "-days", "2",
      "-subj", "/CN=bench.test", "-keyout", certificate, "-out", certificate,
    ]
    try ProcessGroup(request, cores: bench.allCores, back: bench.loadCores, log: log).wait()
    let command = [
      listen, "--user", "\(geteuid())", handoff, "--", nginx, "-p", scratch.path, "-e", "stderr", "-c", file,
    ]
    group = try ProcessGroup(command, cores: bench.proxyCores, back: bench.loadCores, log: log)
    do throws(Failure) {
      try Self.waitUntilServing(TLSRoute(port: port, name: Self.name(of: .direct)), group)
      processes = group.processes
    } catch {
      group.kill()
      throw Failure("nginx does not serve: \(error); it says:\n\((try? text(of: log)) ?? "")")
    }
  }

  /// Clients that go this way; the proxy's port tells nothing of direct ones.
  func route(_ way: Way, through proxy: RunningProxy) throws(Failure) -> TLSRoute {
    try TLSRoute(port: way == .direct ? port : proxy.port, name: Self.name(of: way))
  }

  func stop() {
    group.kill()
  }

  private static func name(of way: Way) -> String {
    switch way {
    case .direct: "direct.bench.test"
    case .handedOver: "handed.bench.test"
    case .relayed: "relays.bench.test"
    }
  }

  private static func waitUntilServing(_ route: TLSRoute, _ group: ProcessGroup) throws(Failure) {
    for _ in 0..<1000 {
      do throws(Failure) {
        _ = try Visits(1, atOnce: 1, for: small, over: route).run(meter: Meter(processes: []))
        return
      } catch {
        try group.checkRunning()
        try pause(seconds: 0.005)
      }
    }
    throw Failure("nobody answers on port \(route.port)")
  }
}
