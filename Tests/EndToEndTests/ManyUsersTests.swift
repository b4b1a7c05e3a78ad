import Foundation
import Testing

/// Backends of several users under the shipped units and a real systemd, with real TLS at both ends. Users register names
/// themselves, in a hosts directory of mode 1777.
@Suite(
  .scratch, .serialized, .requiresNamespaces, .inShippedUnit,
  .requires("make", "systemctl", "unshare", "nsenter", "setpriv", "curl", "nginx", "openssl")
)
struct ManyUsersTests {
  @Test func `users serve from their homes, from /tmp and from the hosts directory`() throws {
    let certificate = try Certificate("alice.test", "bob.test", "carol.test")
    let homes = try Homes()
    let deployment = try Deployment(mounts: ["/home": homes.path])
    try chmod(deployment.hosts.path, 0o1777)

    // A link to a directory at home, which asks for the second version.
    let alice = try homes.add("alice", 2001)
    _ = try Nginx(
      at: alice.site.socket, certificate, listen: "proxy_protocol", server: Self.trustsHeader, user: alice.id)
    try alice.site.add(.v2)
    try alice.register(deployment, "ln", "-s", "/home/alice/site", "/srv/sniproxy/alice.test")

    // A directory of their own in the hosts directory, with a link to a socket at home, and the first version.
    let bob = try homes.add("bob", 2002)
    _ = try Nginx(at: bob.site.socket, certificate, listen: "proxy_protocol", server: Self.trustsHeader, user: bob.id)
    let script =
      "cd /srv/sniproxy && mkdir -m 711 bob.test && ln -s /home/bob/site/tls-socket bob.test && >bob.test/send-proxy-v1"
    try bob.register(deployment, "sh", "-c", script)

    // A socket in /tmp, without a header: whom it serves it cannot know.
    let carol = User(id: 2003, home: try Scratch.current.directory("carol"))
    try carol.makeSite()
    _ = try Nginx(at: carol.site.socket, certificate, user: carol.id)
    try carol.register(deployment, "ln", "-s", "\(carol.home)/site", "/srv/sniproxy/carol.test")

    for name in ["alice", "bob"] {
      let answer = try deployment.curl("\(name).test", certificate)
      #expect(
        answer.contains(try Regex("nginx \(name)\\.test TLSv1\\.3 HTTP/1\\.1 127\\.0\\.0\\.1 [1-9][0-9]*\n")),
        "\(answer)")
    }
    #expect(try deployment.curl("carol.test", certificate).hasPrefix("nginx carol.test TLSv1.3 HTTP/1.1 unix:"))
    let openssl = try deployment.machine.run(
      "sh", "-c",
      "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | openssl s_client -quiet -connect 127.0.0.1:443 -servername bob.test "
        + "-verify_return_error -verify_hostname bob.test -CAfile \(certificate.certificate)")
    #expect(openssl.output.contains("nginx bob.test"), "\(openssl.error)")

    // Who closes their home takes the name back at once.
    try chmod(alice.home, 0o700)
    let refused = try deployment.machine.run("curl", Proxy.curlArguments("alice.test", port: 443, certificate))
    #expect(refused.status == .exited(35) && refused.error.contains("unrecognized name"), "\(refused)")
    #expect(try deployment.curl("bob.test", certificate).hasPrefix("nginx bob.test"))
  }

  @Test func `a home that is mounted while the service runs is seen`() throws {
    let certificate = try Certificate("dave.test")
    let homes = try Homes()
    let deployment = try Deployment(mounts: ["/home": homes.path])
    try deployment.systemctl("start")

    let dave = User(id: 2004, home: try Scratch.current.directory("dave"))
    try dave.makeSite()
    _ = try Nginx(at: dave.site.socket, certificate, user: dave.id)
    try link("\(deployment.hosts.path)/dave.test", to: "/home/dave/site")
    try FileManager.default.createDirectory(atPath: "\(homes.path)/dave", withIntermediateDirectories: false)
    #expect(try deployment.machine.run("mount", "--bind", dave.home, "/home/dave").status == .exited(0))

    let first = try deployment.property("MainPID")
    #expect(try deployment.curl("dave.test", certificate).hasPrefix("nginx dave.test"))
    #expect(try deployment.property("MainPID") == first)
  }

  private static let trustsHeader = "set_real_ip_from unix:; real_ip_header proxy_protocol;"
}

/// What is to be /home.
private struct Homes {
  let path: String

  init() throws { path = try Scratch.current.directory("home") }

  func add(_ name: String, _ id: UInt32) throws -> User {
    let user = User(id: id, home: "\(path)/\(name)")
    try FileManager.default.createDirectory(atPath: user.home, withIntermediateDirectories: false)
    try user.makeSite()
    return user
  }
}

/// A user, who needs no entry in /etc/passwd.
private struct User {
  let id: UInt32
  let home: String

  var site: HostsDirectory.Entry { HostsDirectory.Entry(path: "\(home)/site") }

  /// A host directory at home; both may be searched by others, and no more.
  func makeSite() throws {
    try FileManager.default.createDirectory(atPath: site.path, withIntermediateDirectories: false)
    for directory in [home, site.path] {
      try own(directory, by: id)
      try chmod(directory, 0o711)
    }
  }

  /// Runs a command on the machine as this user; it must succeed.
  func register(_ deployment: Deployment, _ command: String...) throws {
    let done = try deployment.machine.run("setpriv", asUser(id) + command)
    guard done.status == .exited(0) else { throw Failure("\(command): \(done.error)") }
  }
}

private func chmod(_ path: String, _ mode: Int) throws {
  try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
}
