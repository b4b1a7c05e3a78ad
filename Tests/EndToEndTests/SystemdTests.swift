import Foundation
import Testing

/// The units that are shipped, under a real systemd.
@Suite(
  .scratch, .serialized, .requiresNamespaces,
  .requires("make", "systemctl", "unshare", "nsenter", "curl", "nginx", "openssl")
)
struct SystemdTests {
  @Test func `the shipped units serve, and the socket unit keeps the port`() throws {
    let certificate = try Certificate("nginx.test", "user.test")
    let hosts = try HostsDirectory()
    _ = try Nginx(at: hosts.add("nginx.test").socket, certificate)
    let home = HostsDirectory(path: try Scratch.current.directory("home"))
    _ = try Nginx(at: home.add("site").socket, certificate)
    try link("\(hosts.path)/user.test", to: "/home/user/site")
    let machine = try Machine(
      installed: try install(), mounts: ["/srv/sniproxy": hosts.path, "/home/user": home.path])

    func curl(_ name: String = "nginx.test") throws -> String {
      let answer = try machine.run("curl", Proxy.curlArguments(name, port: 443, certificate))
      #expect(answer.status == .exited(0), "\(answer.error)\n\(machine.log)")
      return answer.output
    }
    func property(_ name: String) throws -> String {
      try machine.run("systemctl", "show", "--value", "--property", name, "sniproxy.service").output
        .trimmingCharacters(in: .whitespacesAndNewlines)
    }

    #expect(try machine.run("systemd-sysusers").status == .exited(0))
    #expect(try machine.run("systemctl", "enable", "--now", "sniproxy.socket").status == .exited(0), "\(machine.log)")
    #expect(try property("ActiveState") == "inactive")
    #expect(try curl().hasPrefix("nginx nginx.test TLSv1.3"))
    #expect(try property("ActiveState") == "active")
    #expect(try curl("user.test").hasPrefix("nginx user.test"), "the sandbox hides no user's socket")
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

  @Test func `systemd-analyze finds no mistakes in the shipped units`() throws {
    let machine = try Machine(installed: try install(), mounts: [:])
    #expect(try machine.run("systemd-sysusers").status == .exited(0))
    let verdict = try machine.run("systemd-analyze", "verify", "sniproxy.socket", "sniproxy.service")
    #expect(verdict.status == .exited(0) && verdict.error.isEmpty, "\(verdict)")
  }

  /// Lays out what `make install` installs.
  private func install() throws -> String {
    let directory = try Scratch.current.directory("installed")
    let made = try run(
      "make", "-C", Program.package, "install", "DESTDIR=\(directory)", "PROGRAMS=\(Program.directory)")
    guard made.status == .exited(0) else { throw Failure("make install failed: \(made.output)\(made.error)") }
    return directory
  }
}
