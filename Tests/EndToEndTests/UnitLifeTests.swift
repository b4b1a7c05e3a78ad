import Foundation
import Testing

/// The life of the shipped service under a real systemd: restarts, stops, the watchdog, and starts on demand.
@Suite(
  .scratch, .serialized, .requiresNamespaces, .inShippedUnit,
  .requires("make", "systemctl", "unshare", "nsenter", "curl", "nginx", "openssl")
)
struct UnitLifeTests {
  @Test func `restarts under load refuse nobody`() throws {
    let certificate = try Certificate("nginx.test")
    let deployment = try Deployment()
    _ = try Nginx(at: deployment.hosts.add("nginx.test").socket, certificate)
    let stop = Scratch.current.file("stop")
    let script = #"""
      stop=$1 served=0
      shift
      until [ -e "$stop" ]; do
        curl "$@" || echo "curl ended with $?" >&2
        served=$((served + 1))
      done
      echo "served $served"
      """#
    let clients = try (0..<3).map { _ in
      try deployment.machine.start(
        "sh", ["-c", script, "sh", stop] + Proxy.curlArguments("nginx.test", port: 443, certificate))
    }
    for command in ["restart", "reload-or-restart", "kill --signal=SIGHUP", "restart"] {
      let before = try deployment.property("MainPID")
      try #expect(deployment.machine.run("sh", "-c", "systemctl \(command) sniproxy.service").status == .exited(0))
      let answered = clients[0].output.count
      try eventually("another process, and answers of it, after \(command)") {
        let pid = try deployment.property("MainPID")
        return pid != before && pid != "0" && clients[0].output.count > answered
      }
    }
    #expect(FileManager.default.createFile(atPath: stop, contents: nil))
    for client in clients {
      #expect(try client.wait() == .exited(0))
      #expect(client.error.isEmpty, "\(client.error)\n\(deployment.journal)")
      let answers = client.output.split(separator: "\n")
      #expect(answers.last == "served \(answers.count - 1)" && answers.count > 4)
      #expect(answers.dropLast().allSatisfy { $0.hasPrefix("nginx nginx.test TLSv1.3") })
    }
    #expect(try deployment.property("NRestarts") == "0", "no restart was for a failure")
  }

  @Test func `there is nothing to reload`() throws {
    let deployment = try Deployment()
    try deployment.systemctl("start")
    let pid = try deployment.property("MainPID")
    let reload = try deployment.machine.run("systemctl", "reload", "sniproxy.service")
    #expect(reload.status != .exited(0) && reload.error.contains("not applicable"), "\(reload)")
    #expect(try deployment.property("MainPID") == pid)
    #expect(try deployment.property("ActiveState") == "active")
  }

  @Test func `a stop waits for the open download, and loses none of it`() throws {
    let certificate = try Certificate("nginx.test")
    let deployment = try Deployment()
    let page = "\(try Scratch.current.directory("pages"))/slow"
    let content = String(repeating: "sniproxy\n", count: 20_000)
    try content.write(toFile: page, atomically: false, encoding: .utf8)
    _ = try Nginx(
      at: deployment.hosts.add("nginx.test").socket, certificate,
      server: "location /slow { alias \(page); limit_rate 60k; }")
    let download = try deployment.machine.start(
      "curl", Proxy.curlArguments("nginx.test", port: 443, certificate, path: "/slow"))
    try eventually("the download to begin") { !download.output.isEmpty }
    try deployment.systemctl("stop")
    #expect(try download.wait() == .exited(0), "\(download.error)")
    #expect(download.output == content)
    #expect(try deployment.property("Result") == "success")
    #expect(deployment.journal.contains("stopped: 0 connections cut"))
  }

  @Test func `a stop cuts who stays beyond the drain timeout`() throws {
    let deployment = try Deployment(dropIn: Self.options("--drain-timeout 1"))
    let backend = try deployment.hosts.addBackend("idle.test")
    try FileManager.default.setAttributes(
      [.posixPermissions: 0o777], ofItemAtPath: "\(deployment.hosts.path)/idle.test/tls-socket")
    let client = try deployment.machine.start(
      "openssl", ["s_client", "-connect", "127.0.0.1:443", "-servername", "idle.test"])
    _ = try backend.accept()
    try deployment.systemctl("stop")
    _ = try client.wait()
    #expect(try deployment.property("Result") == "success")
    #expect(deployment.journal.contains("stopped: 1 connection cut"))
  }

  @Test func `its status file tells who serves, and stays when the service stops`() throws {
    let deployment = try Deployment()
    func status() throws -> StatusReading {
      let copy = Scratch.current.file("status")
      #expect(
        try deployment.machine.run("cp", "/run/sniproxy/status", copy).status == .exited(0), "\(deployment.journal)")
      return try StatusReading(copy)
    }
    for command in ["start", "restart"] {
      try deployment.systemctl(command)
      #expect(try status().state == "running")
      #expect(try String(status()["process"]) == deployment.property("MainPID"))
    }
    try deployment.systemctl("stop")
    #expect(try status().state == "ended")
    let modes = try deployment.machine.run("stat", "--format=%a %U", "/run/sniproxy", "/run/sniproxy/status")
    #expect(modes.output == "755 sniproxy\n644 sniproxy\n")
    #expect(try deployment.machine.run("ls", "-A", "/run/sniproxy").output == "status\n")
    #expect(!deployment.journal.contains("--status"))
  }

  @Test func `a process that stands still is replaced by the watchdog`() throws {
    let certificate = try Certificate("nginx.test")
    let deployment = try Deployment(dropIn: "[Service]\nWatchdogSec=1\n")
    _ = try Nginx(at: deployment.hosts.add("nginx.test").socket, certificate)
    try deployment.systemctl("start")
    let first = try deployment.property("MainPID")
    #expect(try deployment.machine.run("kill", "-STOP", first).status == .exited(0))
    try eventually("another process") {
      let pid = try deployment.property("MainPID")
      return pid != first && pid != "0"
    }
    #expect(try deployment.curl("nginx.test", certificate).hasPrefix("nginx nginx.test"))
    #expect(try deployment.property("NRestarts") == "1")
  }

  @Test func `it ends when nobody comes, and starts again for the next client`() throws {
    let certificate = try Certificate("nginx.test")
    let deployment = try Deployment(dropIn: Self.options("--idle-exit 0.2"))
    _ = try Nginx(at: deployment.hosts.add("nginx.test").socket, certificate)
    for _ in 0..<2 {
      #expect(try deployment.curl("nginx.test", certificate).hasPrefix("nginx nginx.test"))
      try eventually("the service to end") { try deployment.property("ActiveState") == "inactive" }
      #expect(try deployment.property("Result") == "success")
    }
    #expect(try deployment.machine.run("systemctl", "is-active", "sniproxy.socket").output == "active\n")
  }

  private static func options(_ options: String) -> String {
    "[Service]\nExecStart=\nExecStart=/usr/local/sbin/sniproxy --hosts /srv/sniproxy \(options)\n"
  }
}
