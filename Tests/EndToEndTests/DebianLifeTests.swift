import Foundation
import Testing

/// The life of the Debian package on a clean Debian with a real systemd, in the directory SNIPROXY_CLEAN_DEBIAN.
@Suite(
  .scratch, .serialized, .requiresNamespaces, .inShippedUnit,
  .enabled(if: CleanDebian.root != nil, "takes a clean Debian: make test-deb"),
  .requires("make", "dh", "dpkg-deb", "unshare", "nsenter", "curl", "nginx", "openssl")
)
struct DebianLifeTests {
  @Test func `it lives from installation to purge, and refuses nobody through an upgrade`() throws {
    let certificate = try Certificate("nginx.test")
    let debian = try CleanDebian()
    let package = try DebianPackage()
    let before = try debian.files()

    try debian.dpkg("--install", package.path)
    #expect(try debian.systemctl("is-enabled", "sniproxy.socket") == "enabled")
    #expect(try debian.systemctl("is-active", "sniproxy.socket") == "active")
    #expect(try debian.systemctl("is-active", "sniproxy.service") == "inactive")
    #expect(try debian.output("stat", "-c", "%a %U %G", "/srv/sniproxy") == "755 root root")
    #expect(try debian.output("sniproxy-hostname", "fa\u{df}.de") == "xn--fa-hia.de")
    #expect(try debian.output("id", "-nG", "sniproxy") == "sniproxy")

    let backend = try Scratch.current.directory("backend") + "/tls-socket"
    _ = try Nginx(at: backend, certificate)
    try debian.output("mkdir", "/srv/sniproxy/nginx.test")
    try debian.output("ln", "-s", backend, "/srv/sniproxy/nginx.test/tls-socket")
    let answer = try debian.machine.startOutside("curl", Proxy.curlArguments("nginx.test", port: 443, certificate))
    #expect(try answer.wait() == .exited(0), "\(answer.error)\n\(debian.machine.log)")
    #expect(answer.output.hasPrefix("nginx nginx.test TLSv1.3"))
    #expect(try debian.systemctl("is-active", "sniproxy.service") == "active")
    let first = try debian.mainProcess()
    #expect(try debian.output("stat", "-c", "%U", "/proc/\(first)") == "sniproxy")

    let newer = try package.newer()
    try debian.output("chmod", "1777", "/srv/sniproxy")
    let clients = try SteadyClients(debian.machine, certificate)
    try debian.dpkg("--install", newer.path)
    #expect(try debian.output("dpkg-query", "-W", "-f", "${Version}", "sniproxy-swift") == newer.field("Version"))
    let second = try debian.mainProcess()
    #expect(second != first && second != "0", "the new version serves")
    try clients.stop()
    #expect(try debian.output("stat", "-c", "%a", "/srv/sniproxy") == "1777", "the administrator's mode stays")

    #expect(try debian.systemctl("is-active", "sniproxy-status.socket") == "inactive", "only on demand")
    try debian.output("systemctl", "enable", "--now", "sniproxy-status.socket")
    let scrape = try debian.machine.startOutside("curl", ["--silent", "http://127.0.0.1:9843/metrics"])
    #expect(try scrape.wait() == .exited(0) && scrape.output.contains("sniproxy_up 1\n"), "\(debian.machine.log)")
    try debian.dpkg("--remove", "sniproxy-swift")
    #expect(try debian.systemctl("is-active", "sniproxy-status.socket") == "inactive")
    #expect(try debian.output("systemctl", "--failed", "--no-legend").isEmpty, "\(debian.machine.log)")
    let refused = try debian.machine.startOutside("curl", Proxy.curlArguments("nginx.test", port: 443, certificate))
    #expect(try refused.wait() == .exited(7), "nobody listens")
    try debian.dpkg("--purge", "sniproxy-swift")
    #expect(try debian.output("ls", "/srv/sniproxy") == "nginx.test", "what the administrator made stays")
    try debian.output("rm", "-r", "/srv/sniproxy")
    #expect(try debian.machine.run("test", "-e", "/run/sniproxy").status == .exited(1))
    #expect(try debian.files() == before)
  }

  @Test func `an empty hosts directory goes with it, and the other sniproxy keeps it out`() throws {
    let debian = try CleanDebian()
    let package = try DebianPackage()
    let before = try debian.files()
    try debian.dpkg("--install", package.path)
    try debian.dpkg("--purge", "sniproxy-swift")
    #expect(try debian.files() == before)

    // Hosts elsewhere, where the administrator keeps them.
    try debian.output("mkdir", "/srv/hosts")
    try debian.output("ln", "-s", "hosts", "/srv/sniproxy")
    try debian.dpkg("--install", package.path)
    let purge = try debian.machine.run("dpkg", "--purge", "sniproxy-swift")
    #expect(purge.status == .exited(0) && purge.error.isEmpty, "\(purge.error)")
    #expect(try debian.output("readlink", "/srv/sniproxy") == "hosts")

    try debian.dpkg("--install", try other())
    let install = try debian.machine.start("dpkg", ["--install", package.path])
    #expect(try install.wait(within: 120) != .exited(0))
    #expect(install.error.contains("sniproxy-swift conflicts with sniproxy"), "\(install.error)")
  }

  /// A package with the name of Debian's.
  private func other() throws -> String {
    let tree = try Scratch.current.directory("other")
    try FileManager.default.createDirectory(atPath: "\(tree)/DEBIAN", withIntermediateDirectories: false)
    let control = """
      Package: sniproxy
      Version: 1
      Architecture: all
      Maintainer: nobody <nobody@sniproxy.invalid>
      Description: another program

      """
    try control.write(toFile: "\(tree)/DEBIAN/control", atomically: false, encoding: .utf8)
    let made = try run("dpkg-deb", "--build", "--root-owner-group", tree, "\(tree).deb")
    guard made.status == .exited(0) else { throw Failure("dpkg-deb: \(made.error)") }
    return "\(tree).deb"
  }
}

/// A machine with a copy of the clean Debian.
private struct CleanDebian {
  static let root = ProcessInfo.processInfo.environment["SNIPROXY_CLEAN_DEBIAN"]

  let machine: Machine

  init() throws {
    machine = try Machine(installed: try Scratch.current.directory("nothing"), mounts: [:], root: Self.root!)
  }

  func dpkg(_ action: String, _ what: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let child = try machine.start("dpkg", [action, what])
    #expect(
      try child.wait(within: 120) == .exited(0), "\(child.output)\(child.error)\n\(machine.log)",
      sourceLocation: sourceLocation)
  }

  @discardableResult
  func output(_ program: String, _ arguments: String..., sourceLocation: SourceLocation = #_sourceLocation) throws
    -> String
  {
    let done = try machine.run(program, arguments)
    #expect(done.status == .exited(0), "\(program): \(done.error)", sourceLocation: sourceLocation)
    return done.output.trimmingCharacters(in: .newlines)
  }

  func systemctl(_ command: String, _ unit: String) throws -> String {
    try machine.run("systemctl", command, unit).output.trimmingCharacters(in: .newlines)
  }

  func mainProcess() throws -> String {
    try output("systemctl", "show", "--value", "--property", "MainPID", "sniproxy.service")
  }

  /// All files, but for what dpkg keeps for itself and the list of users: the user sniproxy stays, so that nobody else gets its
  /// number.
  func files() throws -> [String] {
    try output("sh", "-c", "find / /etc -xdev | sort -u | grep -vE '\(Self.kept)'").split(separator: "\n")
      .map(String.init)
  }

  private static let kept =
    "^/(tmp|var/lib/dpkg|var/log|var/cache)(/|$)|^/etc/(\\.pwd\\.lock|(passwd|group|shadow|gshadow)-?)$"
}

/// Clients that come one after the other, each a new connection, three at a time.
private struct SteadyClients {
  init(_ machine: Machine, _ certificate: Certificate) throws {
    let stop = Scratch.current.file("stop")
    self.stopFile = stop
    clients = try (0..<3).map { _ in
      try machine.startOutside(
        "sh", ["-c", Self.script, "sh", stop] + Proxy.curlArguments("nginx.test", port: 443, certificate))
    }
    for client in clients { try eventually("an answer") { !client.output.isEmpty } }
  }

  /// Each of them must have had an answer, with no exception.
  func stop(sourceLocation: SourceLocation = #_sourceLocation) throws {
    for client in clients {
      let count = client.output.count
      try eventually("an answer of the new version: \(client.error)") { client.output.count > count }
    }
    #expect(FileManager.default.createFile(atPath: stopFile, contents: nil))
    for client in clients {
      #expect(try client.wait() == .exited(0), sourceLocation: sourceLocation)
      #expect(client.error.isEmpty, "\(client.error)", sourceLocation: sourceLocation)
      let answers = client.output.split(separator: "\n")
      #expect(answers.last == "served \(answers.count - 1)", sourceLocation: sourceLocation)
      let areRight = answers.dropLast().allSatisfy { $0.hasPrefix("nginx nginx.test TLSv1.3") }
      #expect(areRight, sourceLocation: sourceLocation)
    }
  }

  private let stopFile: String
  private let clients: [Child]

  private static let script = #"""
    stop=$1 served=0
    shift
    until [ -e "$stop" ]; do
      curl "$@" || echo "curl ended with $?" >&2
      served=$((served + 1))
    done
    echo "served $served"
    """#
}
