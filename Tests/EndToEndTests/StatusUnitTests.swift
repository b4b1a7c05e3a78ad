import Foundation
import Testing

/// The units for Prometheus, under a real systemd.
@Suite(
  .scratch, .serialized, .requiresNamespaces, .inShippedUnit,
  .requires("make", "systemctl", "unshare", "nsenter", "curl")
)
struct StatusUnitTests {
  @Test func `the shipped units answer Prometheus with what the shipped proxy does`() throws {
    let deployment = try Deployment()
    let machine = deployment.machine
    let started = try machine.run("systemctl", "enable", "--now", "sniproxy-status.socket")
    #expect(started.status == .exited(0), "\(started.error)")
    func metrics() throws -> String {
      let answer = try machine.run(
        "curl", "--silent", "--show-error", "--max-time", "20", "http://127.0.0.1:9843/metrics")
      let journal = try machine.run("journalctl", "--unit", "sniproxy-status.service", "--output", "cat").output
      #expect(answer.status == .exited(0), "\(answer.error)\n\(journal)")
      return answer.output
    }
    #expect(try metrics().contains("sniproxy_up 0\n"))
    try deployment.systemctl("start")
    try eventually("the running proxy") { try metrics().contains("sniproxy_up 1\n") }
    #expect(try machine.run("sniproxy-status").output.contains("is serving"))
    try deployment.systemctl("restart")
    #expect(try metrics().contains("sniproxy_up 1\n"))
    try deployment.systemctl("stop")
    #expect(try metrics().contains("sniproxy_up 0\n"))
    let pid = try machine.run("systemctl", "show", "--value", "--property", "MainPID", "sniproxy-status.service").output
    let user = try machine.run("stat", "--format", "%u", "/proc/\(pid.trimmingCharacters(in: .whitespacesAndNewlines))")
    #expect(user.status == .exited(0) && user.output != "0\n", "\(user)")

    let stopped = try machine.run("systemctl", "stop", "sniproxy-status.socket", "sniproxy-status.service")
    #expect(stopped.status == .exited(0), "\(stopped.error)")
    let end = try machine.run(
      "systemctl", "show", "--property", "Result,ExecMainCode,ExecMainStatus", "sniproxy-status.service")
    // CLD_EXITED
    let ended = Set(end.output.split(separator: "\n"))
    #expect(ended == ["Result=success", "ExecMainCode=1", "ExecMainStatus=0"], "\(machine.log)")
  }

  @Test func `systemd-analyze finds no mistakes in them`() throws {
    let machine = try Machine(installed: try Deployment.install(), mounts: [:])
    let verdict = try machine.run("systemd-analyze", "verify", "sniproxy-status.socket", "sniproxy-status.service")
    #expect(verdict.status == .exited(0) && verdict.error.isEmpty, "\(verdict)")
    let unit = "\(Program.package)/systemd/sniproxy-status.service"
    let exposure = try run("systemd-analyze", "security", "--offline=true", "--threshold=10", "--no-pager", unit)
    #expect(exposure.status == .exited(0), "\(exposure.output)")
  }
}
