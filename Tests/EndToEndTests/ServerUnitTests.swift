import Foundation
import Testing

/// A server's unit as Debian has it, with the drop-in of `examples/handoff`, under a real systemd.
@Suite(
  .scratch, .serialized, .requiresNamespaces, .inShippedUnit,
  .requires("make", "systemctl", "unshare", "nsenter", "curl", "nginx", "openssl")
)
struct ServerUnitTests {
  @Test(.enabled(if: FileManager.default.fileExists(atPath: "/lib/systemd/system/nginx.service")))
  func `Debian's nginx takes clients over, is reloaded and restarted`() throws {
    let certificate = try Certificate("example.com")
    let deployment = try Deployment()
    let host = try deployment.hosts.add("example.com").path
    let machine = deployment.machine
    let site = Scratch.current.file("site.conf")
    let text = """
      server {
        listen 443 ssl;
        listen [::]:443 ssl;
        server_name example.com;
        ssl_certificate /etc/ssl/example.com.pem;
        ssl_certificate_key /etc/ssl/private/example.com.key;
        location / { return 200 "$pid $remote_addr\\n"; }
      }
      """
    try text.write(toFile: site, atomically: false, encoding: .utf8)
    func run(_ command: String...) throws {
      let done = try machine.run(command[0], Array(command.dropFirst()))
      guard done.status == .exited(0) else {
        let journal = try machine.run("journalctl", "--unit", "nginx.service", "--output", "cat").output
        throw Failure("\(command): \(done.error)\n\(journal)\n\(machine.log)")
      }
    }
    func worker() throws -> Substring {
      let answer = try deployment.curl("example.com", certificate, "--interface", "127.0.0.7")
      let words = answer.split { $0.isWhitespace }
      guard words.count == 2, words[1] == "127.0.0.7" else { throw Failure("\(answer)") }
      return words[0]
    }
    try run("cp", certificate.certificate, "/etc/ssl/example.com.pem")
    try run("install", "-m", "600", certificate.key, "/etc/ssl/private/example.com.key")
    try run("cp", site, "/etc/nginx/conf.d/example.com.conf")
    try run(
      "cp", "-r", "/usr/local/share/doc/sniproxy/examples/handoff/nginx.service.d",
      "/etc/systemd/system/nginx.service.d")
    try run("systemctl", "daemon-reload")
    try run("systemd-analyze", "verify", "nginx.service")
    try run("systemctl", "start", "nginx.service")

    let first = try worker()
    #expect(try FileManager.default.contentsOfDirectory(atPath: host) == ["tls-handoff"])
    try run("systemctl", "reload", "nginx.service")
    try eventually("new workers") { try worker() != first }
    let second = try worker()
    try run("systemctl", "restart", "nginx.service")
    #expect(try worker() != second)
    let journal = try machine.run("journalctl", "--unit", "nginx.service", "--output", "cat").output
    #expect(!journal.contains("sniproxy-listen:") && !journal.contains("emerg"), "\(journal)")
  }
}
