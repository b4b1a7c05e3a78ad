import ArgumentParser
import CBench
import Foundation
import Load

/// What sniproxy takes when nothing moves.
struct RestCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rest",
    abstract: "Measures what sniproxy takes at rest.",
    discussion: """
      Prints the time from start to READY=1 and the memory then, the memory of an idle session, and the processor time
      of sessions that are stuck on slow readers.
      """)

  @OptionGroup var places: Places

  @Option(help: "Idle sessions.")
  var sessions: Int = 4000

  func run() throws {
    let bench = try Bench(corpus: places.corpus)
    defer { bench.scratch.remove() }
    try measureStarts(bench)
    let proxy = try RunningProxy(.ours, of: places.programs, bench: bench, cores: bench.proxyCores)
    defer { proxy.stop() }
    let route = bench.route(to: proxy.port)
    let idle = try Idle(sessions: sessions).run(over: route, meter: proxy.meter)
    print("an idle session of \(sessions): \(Int(idle)) bytes")
    let stuck = try Stuck(sessions: 20, among: sessions).run(over: route, meter: proxy.meter, seconds: 5)
    print(
      String(
        format: "20 sessions stuck both ways, %d idle: %.2f s of processor time in %.0f s", sessions, stuck.proxy,
        stuck.seconds))
  }

  /// As a service manager sees them.
  private func measureStarts(_ bench: Bench) throws {
    let manager = try Manager(at: "\(bench.scratch.path)/notify")
    let hosts = try bench.scratch.hosts(10)
    let command = [places.sniproxy, "--listen", "127.0.0.1:0", "--hosts", hosts, "--workers", "1"]
    var times: [Double] = []
    var resident: [Double] = []
    for _ in 0..<15 {
      let begun = now()
      let proxy = try ProcessGroup(
        command, cores: bench.proxyCores, back: bench.loadCores, log: "\(bench.scratch.path)/log",
        environment: ["NOTIFY_SOCKET": manager.path])
      defer { proxy.kill() }
      try manager.waitForReadiness(of: proxy)
      times.append(Double(now() - begun) / 1e6)
      resident.append(try Meter(processes: [proxy.leader]).residentMemory() / 1024)
    }
    print(
      String(
        format: "start to READY=1: median %.1f ms, slowest %.1f ms of %d, among it setpriv(1)'s", median(times) ?? 0,
        times.max() ?? 0, times.count))
    print("resident at start: \(Int(resident.max() ?? 0)) KiB")
  }
}

/// A service manager's socket for notifications.
private final class Manager {
  let path: String
  private let socket: Int32

  init(at path: String) throws(Failure) {
    self.path = path
    socket = bench_notification_socket(path)
    if socket == -1 { throw Failure("\(path): \(String(cString: strerror(errno)))") }
  }

  deinit {
    close(socket)
  }

  func waitForReadiness(of proxy: ProcessGroup) throws(Failure) {
    var message = [UInt8](repeating: 0, count: 4096)
    for _ in 0..<100 {
      // Waits for 0.1 seconds at most.
      let count = recv(socket, &message, message.count, 0)
      if count > 0, String(decoding: message[..<count], as: UTF8.self).contains("READY=1") { return }
      try checkInterruption()
      try proxy.checkRunning()
    }
    throw Failure("no READY=1 from it")
  }
}
