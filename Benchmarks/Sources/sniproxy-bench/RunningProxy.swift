import CBench
import Foundation
import Load

/// A proxy of this run: started on its cores, with a first session through it, and stopped in the end.
final class RunningProxy {
  private(set) var port: UInt16
  /// All its processes: a program may have a master or helpers.
  private(set) var processes: [Int32]
  private let leader: Int32

  init(
    _ program: Program, of programs: Programs, bench: Bench, cores: UInt64, hosts: Int = 10, workers: Int = 1,
    environment: [String: String] = [:]
  ) throws(Failure) {
    let log = "\(bench.scratch.path)/log"
    let arguments: [String]
    if program.kind == .ours {
      port = 0
      let hosts = try bench.scratch.hosts(hosts)
      arguments = [programs.ours, "--listen", "127.0.0.1:0", "--hosts", hosts, "--workers", "\(workers)"]
    } else {
      port = UInt16(exactly: bench_free_port()) ?? 0
      arguments = try Self.configure(program, of: programs, port: port, bench: bench)
    }
    leader = try Self.spawn(arguments, cores: cores, back: bench.loadCores, log: log, environment: environment)
    processes = [leader]
    do throws(Failure) {
      if program.kind == .ours { port = try Self.port(in: log, of: leader) }
      try waitUntilListening(log: log)
      withExtendedLifetime(try Sessions(1, over: bench.route(to: port))) {}
      processes = try Self.processes(ofGroup: leader)
    } catch {
      let said = (try? text(of: log)) ?? ""
      stop()
      throw Failure("\(program.name) does not start: \(error)\(said.isEmpty ? "" : "; it says:\n\(said)")")
    }
  }

  var meter: Meter { Meter(processes: processes) }

  /// Ends it without ceremony: all its processes are of its own group.
  func stop() {
    kill(-leader, SIGKILL)
    var status: Int32 = 0
    while waitpid(leader, &status, 0) == -1, errno == EINTR {}
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

  /// Starts a process group. It inherits the cores, and would get SIGTERM if this program died.
  private static func spawn(
    _ command: [String], cores: UInt64, back: UInt64, log: String, environment: [String: String]
  ) throws(Failure) -> Int32 {
    let words = ["setpriv", "--pdeathsig", "TERM"] + command
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    let merged = ProcessInfo.processInfo.environment.merging(environment) { $1 }
    var variables: [UnsafeMutablePointer<CChar>?] = merged.map { strdup("\($0)=\($1)") } + [nil]
    defer { for string in arguments + variables { free(string) } }
    var files = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&files)
    defer { posix_spawn_file_actions_destroy(&files) }
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&files, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o644)
    posix_spawn_file_actions_adddup2(&files, 1, 2)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP))
    posix_spawnattr_setpgroup(&attributes, 0)
    var process: Int32 = 0
    bench_pin(cores)
    defer { bench_pin(back) }
    let failed = posix_spawnp(&process, "setpriv", &files, &attributes, &arguments, &variables)
    if failed != 0 { throw Failure("\(command[0]): \(String(cString: strerror(failed)))") }
    return process
  }

  /// Ours chooses its port and says so.
  private static func port(in log: String, of process: Int32) throws(Failure) -> UInt16 {
    for _ in 0..<1000 {
      if let line = try? text(of: log).firstMatch(of: /listening on 127\.0\.0\.1:([0-9]+)\n/) {
        return UInt16(line.output.1) ?? 0
      }
      try checkRunning(process)
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
      try Self.checkRunning(leader)
      try pause(seconds: 0.005)
    }
    throw Failure("it does not listen on port \(port)")
  }

  private static func checkRunning(_ process: Int32) throws(Failure) {
    var status: Int32 = 0
    if waitpid(process, &status, WNOHANG) == process { throw Failure("it ended with status \(bench_exited(status))") }
  }

  private static func processes(ofGroup group: Int32) throws(Failure) -> [Int32] {
    let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
    return names.compactMap { Int32($0) }.filter { getpgid($0) == group }.sorted()
  }
}
