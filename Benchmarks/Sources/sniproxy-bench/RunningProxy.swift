import CBench
import Foundation
import Load

/// A proxy of this run: started on its cores, with a first session through it, and stopped in the end.
final class RunningProxy {
  private(set) var port: UInt16
  /// All its processes: a program may have a master or helpers.
  private(set) var processes: [Int32]
  private let group: ProcessGroup

  init(
    _ program: Program, of programs: Programs, bench: Bench, cores: UInt64, hosts: String? = nil,
    workers: Int = 1, options: [String] = []
  ) throws(Failure) {
    let log = "\(bench.scratch.path)/log"
    let arguments: [String]
    if program.kind == .ours {
      port = 0
      let hosts = if let hosts { hosts } else { try bench.scratch.hosts(10) }
      arguments = [programs.ours, "--listen", "127.0.0.1:0", "--hosts", hosts, "--workers", "\(workers)"] + options
    } else {
      port = UInt16(exactly: bench_free_port()) ?? 0
      arguments = try Self.configure(program, of: programs, port: port, bench: bench)
    }
    group = try ProcessGroup(arguments, cores: cores, back: bench.loadCores, log: log)
    processes = [group.leader]
    do throws(Failure) {
      if program.kind == .ours { port = try Self.port(in: log, of: group) }
      try waitUntilListening(log: log)
      withExtendedLifetime(try Sessions(1, over: bench.route(to: port))) {}
      processes = group.processes
    } catch {
      let said = (try? text(of: log)) ?? ""
      stop()
      throw Failure("\(program.name) does not start: \(error)\(said.isEmpty ? "" : "; it says:\n\(said)")")
    }
  }

  var meter: Meter { Meter(processes: processes) }

  /// Ends it without ceremony.
  func stop() {
    group.kill()
  }

  private static func configure(_ program: Program, of programs: Programs, port: UInt16, bench: Bench)
    throws(Failure) -> [String]
  {
    let (template, arguments): (String, [String]) =
      switch program.kind {
      case .haproxy: ("haproxy.cfg", [programs.haproxy, "-db", "-q", "-f"])
      case .nginx: ("nginx.conf", [programs.nginx, "-p", bench.scratch.path, "-e", "stderr", "-c"])
      case .sniproxy06, .ours: ("sniproxy.conf", [programs.sniproxy06, "-f", "-c"])
      }
    let values = [
      "PORT": "\(port)", "BACKEND": bench.scratch.backend, "DIRECTORY": bench.scratch.path,
      "DESCRIPTORS": "\(bench.descriptors)", "CONNECTIONS": "\(bench.descriptors * 3 / 10)",
    ]
    let filled = configuration(for: program, from: try text(of: "\(programs.templates)/\(template)"), values: values)
    let file = "\(bench.scratch.path)/\(template)"
    do { try filled.write(toFile: file, atomically: false, encoding: .utf8) } catch {
      throw Failure("\(file): \(error)")
    }
    return arguments + [file]
  }

  /// Ours chooses its port and says so.
  private static func port(in log: String, of group: ProcessGroup) throws(Failure) -> UInt16 {
    for _ in 0..<1000 {
      if let line = try? text(of: log).firstMatch(of: /listening on 127\.0\.0\.1:([0-9]+)\n/) {
        return UInt16(line.output.1) ?? 0
      }
      try group.checkRunning()
      try pause(seconds: 0.005)
    }
    throw Failure("it does not say where it listens")
  }

  private func waitUntilListening(log: String) throws(Failure) {
    for _ in 0..<1000 {
      let socket = bench_socket(AF_INET)
      defer { close(socket) }
      _ = bench_connect(socket, 0, port)
      if bench_connect(socket, 0, port) == 0 { return }
      try group.checkRunning()
      try pause(seconds: 0.005)
    }
    throw Failure("it does not listen on port \(port)")
  }
}
