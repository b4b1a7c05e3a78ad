import Foundation
import Testing

/// sniproxy as an administrator has it after `make install`, with the units as shipped, on a machine of its own whose process 1
/// is systemd. The socket unit listens; the hosts directory is /srv/sniproxy.
struct Deployment {
  let machine: Machine

  /// The hosts directory, as this machine has it.
  let hosts: HostsDirectory

  /// - Parameters:
  ///   - mounts: see `Machine`
  ///   - dropIn: lines that a test needs changed in the service's unit
  init(mounts: [String: String] = [:], dropIn: String = "") throws {
    hosts = try HostsDirectory()
    let installed = try Self.install(dropIn: dropIn)
    machine = try Machine(
      installed: installed, mounts: mounts.merging(["/srv/sniproxy": hosts.path]) { $1 })
    for command in [["systemd-sysusers"], ["systemctl", "enable", "--now", "sniproxy.socket"]] {
      let made = try machine.run(command[0], Array(command.dropFirst()))
      guard made.status == .exited(0) else { throw Failure("\(command): \(made.error)\n\(machine.log)") }
    }
  }

  /// Lays out what `make install` installs.
  static func install(dropIn: String = "") throws -> String {
    let directory = try Scratch.current.directory("installed")
    let made = try run(
      "make", "-C", Program.package, "install", "DESTDIR=\(directory)", "PROGRAMS=\(Program.directory)")
    guard made.status == .exited(0) else { throw Failure("make install failed: \(made.output)\(made.error)") }
    if !dropIn.isEmpty {
      let place = "\(directory)/etc/systemd/system/sniproxy.service.d"
      try FileManager.default.createDirectory(atPath: place, withIntermediateDirectories: true)
      try dropIn.write(toFile: "\(place)/tests.conf", atomically: false, encoding: .utf8)
    }
    return directory
  }

  /// What curl, on the machine, gets for `https://NAME/PATH`; it must succeed.
  func curl(
    _ name: String, _ certificate: Certificate, _ options: String..., path: String = "/",
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let answer = try machine.run("curl", Proxy.curlArguments(name, port: 443, certificate, path: path) + options)
    #expect(
      answer.status == .exited(0), "\(answer.error)\n\(journal)\n\(machine.log)", sourceLocation: sourceLocation)
    return answer.output
  }

  /// A property of the service, as `systemctl show` tells it.
  func property(_ name: String) throws -> String {
    try machine.run("systemctl", "show", "--value", "--property", name, "sniproxy.service").output
      .trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// What sniproxy has said.
  var journal: String {
    (try? machine.run("journalctl", "--unit", "sniproxy.service", "--output", "cat").output) ?? ""
  }

  /// What the kernel tells of the service's main process.
  func read(_ file: String) throws -> String {
    let read = try machine.run("cat", "/proc/\(try property("MainPID"))/\(file)")
    guard read.status == .exited(0) else { throw Failure("\(file): \(read.error)") }
    return read.output
  }

  /// systemctl with this command for the service, which must succeed.
  func systemctl(_ command: String, sourceLocation: SourceLocation = #_sourceLocation) throws {
    let done = try machine.run("systemctl", command, "sniproxy.service")
    #expect(done.status == .exited(0), "\(command): \(done.error)\n\(machine.log)", sourceLocation: sourceLocation)
  }
}
