import Foundation
import Testing

/// The units that are shipped, under a real systemd.
@Suite(.scratch, .serialized, .requiresRoot, .requires("systemctl", "unshare", "nsenter", "curl", "nginx", "openssl"))
struct SystemdTests {
  @Test func theShippedUnits() throws {
    let certificate = try Certificate("nginx.test")
    let hosts = try HostsDirectory()
    _ = try Nginx(at: hosts.add("nginx.test").socket, certificate)
    let units = ["sniproxy.socket", "sniproxy.service"].map { "\(Program.package)/systemd/\($0)" }
    let service = try String(contentsOfFile: units[1], encoding: .utf8)
    let program = try #require(service.firstMatch(of: /(?m)^ExecStart=([^ \n]+)/)).output.1
    let machine = try Machine(
      units: units, programs: [String(program): try Program.path("sniproxy")], mounts: ["/srv/sniproxy": hosts.path])

    func curl() throws -> String {
      let answer = try machine.run("curl", Proxy.curlArguments("nginx.test", port: 443, certificate))
      #expect(answer.status == .exited(0), "\(answer.error)\n\(machine.log)")
      return answer.output
    }
    func property(_ name: String) throws -> String {
      try machine.run("systemctl", "show", "--value", "--property", name, "sniproxy.service").output
        .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    #expect(try machine.run("systemctl", "start", "sniproxy.socket").status == .exited(0))
    #expect(try property("ActiveState") == "inactive")
    #expect(try curl().hasPrefix("nginx nginx.test TLSv1.3"))
    #expect(try property("ActiveState") == "active")
    try eventually("a status that tells the open connections") {
      try property("StatusText").contains(/[0-9]+/)
    }
    #expect(try machine.run("systemctl", "status", "sniproxy.service").output.contains("Active: active (running)"))

    // The socket unit keeps the port while the service is stopped, and starts it for the next client.
    let first = try property("MainPID")
    #expect(try machine.run("systemctl", "stop", "sniproxy.service").status == .exited(0))
    #expect(try property("Result") == "success")
    #expect(try curl().hasPrefix("nginx nginx.test TLSv1.3"))
    let second = try property("MainPID")
    #expect(second != first && second != "0")

    #expect(try machine.run("systemctl", "restart", "sniproxy.service").status == .exited(0))
    #expect(try property("ActiveState") == "active")
    #expect(try property("MainPID") != second)
    #expect(try curl().hasPrefix("nginx nginx.test TLSv1.3"))

    let journal = try machine.run("journalctl", "--unit", "sniproxy.service", "--output", "verbose").output
    #expect(journal.contains("MESSAGE=listening on ") || journal.contains("MESSAGE=sniproxy: listening on "))
    #expect(!journal.contains(/MESSAGE=<[0-7]>/), "the level is no part of the message")
  }
}
