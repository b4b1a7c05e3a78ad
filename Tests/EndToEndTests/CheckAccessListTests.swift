import Foundation
import Testing

/// What sniproxy-check offers where an access control list (acl(5)) is in the way: it opens the file to the proxy's user, who
/// is 4000 in group 4001, and to nobody else.
@Suite(.scratch, .requiresRoot, .requires("setfacl", "setpriv", "bash"))
struct CheckAccessListTests {
  struct Row: Sendable, CustomStringConvertible {
    let description: String
    /// Of the file itself, before its list.
    let mode: Int
    let group: gid_t
    /// For setfacl(1); the mask comes last, when there is something for it to hide.
    let list: [String]
    /// Which commands are offered.
    let offers: [Substring]

    init(_ description: String, mode: Int, group: gid_t = 0, list: String..., offers: Substring...) {
      self.description = description
      self.mode = mode
      self.group = group
      self.list = list
      self.offers = offers
    }
  }

  static let rows = [
    Row("a mask hides another user", mode: 0o600, list: "u:5000:rwx", "m::r", offers: "setfacl", "chmod o"),
    Row("a mask hides other permissions", mode: 0o600, list: "u:5000:rwx", "m::-", offers: "setfacl", "chmod o"),
    Row("a mask hides the user", mode: 0o600, list: "u:4000:rwx,u:5000:rwx", "m::r", offers: "setfacl"),
    Row("an entry denies the user", mode: 0o666, list: "u:4000:r", offers: "setfacl"),
    Row("an entry denies the user's group", mode: 0o666, list: "g:4001:r", offers: "setfacl"),
    Row(
      "the file's group is denied", mode: 0o666, group: 4001, list: "u:5000:r,g::r", offers: "setfacl"),
    Row(
      "a mask hides the user's group, which is the file's", mode: 0o600, group: 4001,
      list: "u:5000:r,g::rwx", "m::r", offers: "setfacl"),
    Row(
      "a mask hides another group, which is the file's", mode: 0o600, group: 6000, list: "u:5000:r,g::rwx", "m::r",
      offers: "setfacl", "chmod o"),
    Row("a mask hides another group", mode: 0o600, list: "g:6000:rwx", "m::r", offers: "setfacl", "chmod o"),
    Row("nothing is hidden", mode: 0o600, list: "u:5000:rw", offers: "setfacl", "chmod o"),
  ]

  /// A site whose socket or host directory is the row's.
  private func site(_ row: Row, isDirectory: Bool) throws -> (HostsDirectory, file: String) {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("served")
    let host = "\(hosts.path)/a.test"
    let file = isDirectory ? host : "\(host)/tls-socket"
    try chmod("\(host)/tls-socket", 0o777)
    try close(file, row)
    return (hosts, file)
  }

  private func close(_ file: String, _ row: Row) throws {
    // What others lack to search a directory is what they lack to write to a socket.
    let type = try FileManager.default.attributesOfItem(atPath: file)[.type] as? FileAttributeType
    try chmod(file, type == .typeDirectory ? row.mode == 0o666 ? 0o755 : 0o700 : row.mode)
    try #require(unsafe chown(file, 0, row.group) == 0)
    for entries in row.list { try succeed("setfacl -m \(entries) \(file)") }
  }

  @Test(arguments: rows, [false, true])
  func `each command that is offered serves the name`(row: Row, isDirectory: Bool) throws {
    for choice in row.offers.indices {
      let (hosts, file) = try site(row, isDirectory: isDirectory)
      let before = rights(file)
      let entry = try Check(hosts, Self.user).entry("a.test")
      #expect(entry.codes == ["no-permission"], "\(entry)")
      #expect(entry.findings[0].text.contains(", and an access control list)"), "\(entry)")
      try #require(entry.mends.count == row.offers.count, "\(entry)")
      #expect(entry.mends[choice].hasPrefix(row.offers[choice]), "\(entry)")
      try succeed(entry.mends[choice])
      let mended = try Check(hosts, Self.user).entry("a.test")
      #expect(mended.verdict == "served", "\(entry.mends[choice]): \(mended)")
      #expect(try Proxy(hosts, options: Self.user).ask("a.test") == "served")
      if choice == 0 { #expect(rights(file) == before, "\(entry.mends[choice])") }
    }
  }

  @Test(arguments: rows)
  func `each command that is offered opens the hosts directory`(row: Row) throws {
    for choice in row.offers.indices {
      let hosts = try HostsDirectory()
      try hosts.addBackend("a.test").answer("served")
      try chmod("\(hosts.path)/a.test/tls-socket", 0o777)
      try close(hosts.path, row)
      let before = rights(hosts.path)
      let finding = try #require(try Check(hosts, Self.user, names: ["a.test"]).report().findings.first)
      #expect(finding.code == "no-permission" && finding.mends.count == row.offers.count, "\(finding)")
      try succeed(finding.mends[choice])
      #expect(try Check(hosts, Self.user, names: ["a.test"]).entry("a.test").verdict == "served", "\(finding)")
      if choice == 0 { #expect(rights(hosts.path) == before, "\(finding)") }
    }
  }

  @Test func `a socket is closed to others, and to nobody else opened`() throws {
    let (hosts, file) = try site(
      Row("", mode: 0o600, list: "u:5000:rw,o::w", "m::r", offers: "setfacl"), isDirectory: false)
    try HostsDirectory.Entry(path: "\(hosts.path)/a.test").add(.v1)
    let entry = try Check(hosts, Self.user).entry("a.test")
    try #require(entry.codes == ["forgeable"] && entry.mends.count == 1, "\(entry)")
    try succeed(entry.mends[0])
    let mended = try Check(hosts, Self.user).entry("a.test")
    #expect(mended.verdict == "served" && mended.codes == [], "\(mended)")
    #expect(!rights(file).contains { $0.contains("w") }, "\(rights(file))")
  }

  private static let user = ["--user", "4000:4001"]

  /// What these may do: a named user, a group's member, and a stranger.
  private func rights(_ file: String) -> [String] {
    [(5000, 5000), (7000, 6000), (7000, 7000)].map { user, group in
      let tests = ["r", "w", "x"].map { "[ -\($0) \(file) ] && printf \($0)" }.joined(separator: "; ")
      let asked = try? run("setpriv", "--reuid=\(user)", "--regid=\(group)", "--clear-groups", "sh", "-c", tests)
      return asked?.output ?? "?"
    }
  }

  private func succeed(_ command: String) throws {
    let done = try run("bash", "-c", command)
    try #require(done.status == .exited(0), "\(command): \(done.error)")
  }

  private func chmod(_ path: String, _ mode: Int) throws {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }
}
