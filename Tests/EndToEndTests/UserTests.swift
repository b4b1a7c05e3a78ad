import Foundation
import Testing

/// Giving up root.
@Suite(.scratch, .requiresRoot, .requires("setpriv"))
struct UserTests {
  @Test(arguments: [
    ("nobody", "65534", "65534"), ("4321", "4321", "4321"), ("4321:8765", "4321", "8765"),
  ])
  func `it becomes the user once its sockets are open`(option: String, user: String, group: String) throws {
    let hosts = try HostsDirectory()
    for (name, mode) in [("open.test", 0o777), ("closed.test", 0o700)] {
      try hosts.addBackend(name).answer("here")
      try FileManager.default.setAttributes(
        [.posixPermissions: mode], ofItemAtPath: "\(hosts.path)/\(name)/tls-socket")
    }
    // Only root can make a socket here.
    let path = Scratch.current.file("listener")
    let proxy = try Proxy(
      hosts, options: ["--user", option], listen: ["127.0.0.1:0", "unix:\(path)"],
      launcher: ["setpriv", "--groups", "7,8", "--"])
    let status = try String(contentsOfFile: "/proc/\(proxy.child.pid)/status", encoding: .utf8)
    #expect(status.contains("\nUid:\t\(user)\t\(user)\t\(user)\t\(user)\n"))
    #expect(status.contains("\nGid:\t\(group)\t\(group)\t\(group)\t\(group)\n"))
    let groups = try #require(status.firstMatch(of: /\nGroups:([^\n]*)\n/)).output.1
    #expect(groups.split(whereSeparator: \.isWhitespace).allSatisfy { $0 == group })
    #expect(status.contains(/\nCapEff:\t0+\n/))
    #expect(try proxy.ask("open.test") == "here")
    #expect(try proxy.refusal(Hello("closed.test")) == 112)
  }
}
