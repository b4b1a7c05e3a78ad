import CBench
import Foundation
import Load

/// One proxy after the other on the same listening sockets. The main thread's own.
final class Proxies {
  let tcp: Int32
  let unix: Int32
  let port: UInt16
  let unixPath: String
  private(set) var current: Child?
  private(set) var generation = 0
  private var draining: [Child] = []
  private let scratch: String
  private let program: String

  init(_ program: String, scratch: String) throws(Failure) {
    // Where every user can reach it.
    self.program = "\(scratch)/sniproxy"
    do { try FileManager.default.copyItem(atPath: program, toPath: self.program) } catch {
      throw Failure("\(program): cannot be copied: \(error)")
    }
    self.scratch = scratch
    // Out of the way of the numbers that they will have in the proxies.
    tcp = fcntl(bench_socket(AF_INET), F_DUPFD_CLOEXEC, 100)
    unix = fcntl(bench_socket(AF_UNIX), F_DUPFD_CLOEXEC, 100)
    unixPath = "\(scratch)/listener"
    port = UInt16(exactly: bench_listen_anywhere(tcp, 4096)) ?? 0
    guard port > 0, bench_listen_unix(unix, unixPath, 1024) == 0 else {
      throw Failure("no listening sockets: \(String(cString: strerror(errno)))")
    }
  }

  /// Starts a new one; the old one, if there is one, is told to stop first, and drains.
  func startNext(_ hosts: Hosts, limit: Int) throws(Failure) {
    if let current {
      current.signal(SIGTERM)
      draining.append(current)
    }
    generation += 1
    current = try Child(
      [
        program, "--hosts", hosts.path, "--workers", "2", "--max-connections", "\(limit)", "--hello-timeout", "4",
        "--connect-timeout", "2", "--drain-timeout", "120",
      ], log: "\(scratch)/proxy-\(generation).log", sockets: [tcp, unix], user: geteuid() == 0 ? Self.user : nil)
  }

  func stopCurrent() {
    guard let current else { return }
    current.signal(SIGTERM)
    draining.append(current)
    self.current = nil
  }

  var drainingCount: Int { draining.count }

  /// Takes leave of those that have ended, and says what was wrong with them.
  func collect(_ tally: Tally) {
    draining.removeAll { child in
      guard let ending = child.ending() else { return false }
      judge(child, ending, tally)
      return true
    }
    if let current, let ending = current.ending() {
      tally.fail("the proxy ended in the middle: \(ending); \(current.lines.suffix(3))")
      self.current = nil
    }
  }

  private func judge(_ child: Child, _ ending: String, _ tally: Tally) {
    let lines = child.lines
    if ending != "exit status 0" { tally.fail("proxy \(child.pid): \(ending); \(lines.suffix(3))") }
    for line in LogRules.strangers(lines).prefix(3) { tally.fail("proxy \(child.pid) wrote: \(line)") }
    // Counts of lines that were left out may follow: of those about clients, and of those about sniproxy itself.
    if !lines.suffix(3).contains(where: { $0.hasSuffix("stopped: 0 connections cut") }) {
      tally.fail("proxy \(child.pid) did not end with \"0 connections cut\": \(lines.suffix(1))")
    }
    unlink(child.log)
    tally.finish("proxy generation")
  }

  /// Whom they run as where root runs the soak. Nobody has this number.
  private static let user = 64_321

  /// Kills what still runs.
  func killAll() {
    for child in draining + [current].compactMap({ $0 }) {
      child.signal(SIGKILL)
      _ = child.waitForEnd(seconds: 5)
    }
  }
}
