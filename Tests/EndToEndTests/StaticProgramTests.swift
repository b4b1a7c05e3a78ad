import Foundation
import Testing

/// The static program in a root directory that has nothing but it and the hosts directory.
@Suite(
  .scratch, .requiresRoot, .requires("chroot"), .notSanitized("a sanitizer's library cannot be in a static program"))
struct StaticProgramTests {
  @Test(arguments: [[], ["--hashed"]])
  func `it serves from an empty root directory the socket on its standard input`(options: [String]) throws {
    let jail = try Scratch.current.directory("jail")
    // Not by this process: a child that is started meanwhile would keep the file open for writing.
    #expect(try run("cp", Self.program, "\(jail)/sniproxy").status == .exited(0))
    try FileManager.default.createDirectory(atPath: "\(jail)/hosts", withIntermediateDirectories: false)
    let hosts = HostsDirectory(path: "\(jail)/hosts")
    let name = String(repeating: "long.", count: 49) + "last.one"
    let entry = options.isEmpty ? name : Self.hashed
    try hosts.addBackend(entry).answer("from outside")
    let listener = try Listener(.ip4(0))
    let child = try Child(
      "chroot", [jail, "/sniproxy", "--hosts", "/hosts", "--workers", "2"] + options,
      descriptors: [0: .descriptor(listener.descriptor)])
    for _ in 0..<20 {
      let client = try Connection(to: listener.address, sending: Hello(name))
      #expect(try client.receiveAll().bytes == Array("from outside".utf8))
      client.close()
    }
    child.signal(SIGTERM)
    #expect(try child.wait() == .exited(0), "\(child.error)")
  }

  @Test func `it tells how to give it a socket, without the way that it does not have`() throws {
    let child = try Child(Self.program)
    #expect(try child.wait() == .exited(100))
    #expect(child.error.contains("--listen") && child.error.contains("not in this build"))
  }

  private static let program =
    ProcessInfo.processInfo.environment["SNIPROXY_STATIC"] ?? "\(Program.package)/.build/static/sniproxy"
  /// Of the name in the test, as sha256sum(1) has it.
  private static let hashed = "b5c9417eb52c7ad97e3a037be03d89f22972df9bf930101236fcc4ac2b468e1d"
}
