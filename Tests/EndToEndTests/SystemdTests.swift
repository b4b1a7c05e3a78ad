import Foundation
import Testing

/// The units that are shipped, under a real systemd.
@Suite(
  .scratch, .serialized, .requiresNamespaces, .inShippedUnit,
  .requires("make", "systemctl", "unshare", "nsenter", "curl", "nginx", "openssl")
)
struct SystemdTests {
  @Test func `the shipped units serve, and the socket unit keeps the port`() throws {
    let certificate = try Certificate("nginx.test")
    let deployment = try Deployment()
    _ = try Nginx(at: deployment.hosts.add("nginx.test").socket, certificate)
    func curl() throws -> String { try deployment.curl("nginx.test", certificate) }
    func property(_ name: String) throws -> String { try deployment.property(name) }
    let machine = deployment.machine

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
    #expect(!journal.contains("lock: "), "it may lock itself in: \(journal)")
  }

  @Test func `systemd-analyze finds no mistakes in the shipped units`() throws {
    let machine = try Machine(installed: try Deployment.install(), mounts: [:])
    #expect(try machine.run("systemd-sysusers").status == .exited(0))
    let verdict = try machine.run("systemd-analyze", "verify", "sniproxy.socket", "sniproxy.service")
    #expect(verdict.status == .exited(0) && verdict.error.isEmpty, "\(verdict)")
  }

  @Test func `the hosts directory is made once, and is the administrator's from then on`() throws {
    let machine = try Machine(installed: try Deployment.install(), mounts: [:])
    let directory = "/srv/sniproxy"
    try machine.run("rm", "-rf", directory)
    func create() throws -> String {
      #expect(try machine.run("systemd-tmpfiles", "--create", "sniproxy.conf").status == .exited(0))
      return try machine.run("stat", "-c", "%a %U %G", directory).output
    }
    #expect(try create() == "755 root root\n")
    try machine.run("chmod", "1775", directory)
    try machine.run("chgrp", "users", directory)
    #expect(try create() == "1775 root users\n")
  }
}
