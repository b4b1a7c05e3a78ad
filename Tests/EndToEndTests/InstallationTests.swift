import Foundation
import Testing
import Wire

/// `make install` and `make uninstall`.
@Suite(.scratch, .requires("make"), .notSanitized("installs the programs as they are shipped"))
struct InstallationTests {
  @Test func `each program is installed with its page and its completions`() throws {
    let root = try Scratch.current.directory("root")
    try make("install", root)
    for page in ManualPage.all {
      #expect(exists("\(root)/usr/local/share/man/man\(page.file.last!)/\(page.file)"))
      guard page.isProgram else { continue }
      let program = "\(root)/usr/local/\(page.file.hasSuffix("8") ? "sbin" : "bin")/\(page.name)"
      let told = try run(program, "--version")
      #expect(told.status == .exited(0) && told.output == "\(page.name) \(version)\n", "\(told)")
      for completion in [
        "usr/local/share/bash-completion/completions/\(page.name)", "usr/local/share/zsh/site-functions/_\(page.name)",
        "etc/fish/completions/\(page.name).fish",
      ] { #expect(exists("\(root)/\(completion)")) }
    }
    let programs = try ["bin", "sbin"].flatMap {
      try FileManager.default.contentsOfDirectory(atPath: "\(root)/usr/local/\($0)")
    }
    #expect(Set(programs) == Set(ManualPage.all.filter(\.isProgram).map(\.name)), "each has a page")
  }

  @Test func `PREFIX and SBINDIR are where the unit and the page find the program`() throws {
    let root = try Scratch.current.directory("root")
    try make("install", root, "PREFIX=/opt/sniproxy", "SBINDIR=/opt/sniproxy/daemons")
    let files = try listing(root).map { String($0.split(separator: " ")[1]) }
    #expect(files.allSatisfy { $0 == "./" || $0.hasPrefix("./opt") }, "\(files)")
    #expect(exists("\(root)/opt/sniproxy/daemons/sniproxy"))
    for file in ["lib/systemd/system/sniproxy.service", "share/man/man8/sniproxy.8"] {
      let text = try String(contentsOfFile: "\(root)/opt/sniproxy/\(file)", encoding: .utf8)
      #expect(text.contains("/opt/sniproxy/daemons/sniproxy ") && !text.contains("/usr/local/"))
    }
    let example = "\(root)/opt/sniproxy/share/doc/sniproxy/examples/s6/run"
    #expect(try String(contentsOfFile: example, encoding: .utf8).contains("exec /opt/sniproxy/daemons/sniproxy "))
    #expect(FileManager.default.isExecutableFile(atPath: example))
    // What is told of them in words stays.
    let left = try run("grep", "-rE", "/usr/local/(s?bin|share)/", "\(root)/opt/sniproxy/share/doc")
    #expect(left.output.isEmpty)
  }

  @Test func `links of what is installed to read lead to what is installed`() throws {
    let root = try Scratch.current.directory("root")
    try make("install", root)
    let pages = try run("find", root, "-name", "*.md").output.split(separator: "\n")
    #expect(pages.count > 5)
    for page in pages {
      let text = try String(contentsOfFile: String(page), encoding: .utf8)
      for link in text.matches(of: /\]\(([^)#:]+)(#[^)]*)?\)/) {
        let directory = page[..<page.lastIndex(of: "/")!]
        #expect(exists("\(directory)/\(link.output.1)"), "\(page): \(link.output.1)")
      }
    }
  }

  @Test func `programs that are not built are told, and nothing is installed`() throws {
    let root = try Scratch.current.directory("root")
    let made = try run(
      "make", "-C", Program.package, "install", "DESTDIR=\(root)", "PROGRAMS=\(try Scratch.current.directory("none"))")
    #expect(made.status != .exited(0) && made.error.contains("run make build"))
    #expect(try listing(root).count == 1)
  }

  @Test func `what failed halfway can be uninstalled`() throws {
    let root = try Scratch.current.directory("root")
    try FileManager.default.createDirectory(atPath: "\(root)/lib", withIntermediateDirectories: false)
    #expect(FileManager.default.createFile(atPath: "\(root)/lib/systemd", contents: Data()))
    let before = try listing(root)
    let made = try run(
      "make", "-C", Program.package, "install", "DESTDIR=\(root)", "PROGRAMS=\(Program.directory)",
      "UNITDIR=/lib/systemd/system")
    #expect(made.status != .exited(0) && exists("\(root)/usr/local/sbin/sniproxy"))
    try make("uninstall", root)
    #expect(try listing(root) == before)
  }

  @Test(.requiresNamespaces, .inShippedUnit, .requires("systemctl", "unshare", "nsenter"))
  func `units in use are not uninstalled`() throws {
    let machine = try Deployment(mounts: [Program.package: Program.package]).machine
    func uninstall() throws -> (status: Child.Status, output: String, error: String) {
      try machine.run("make", "-C", Program.package, "uninstall")
    }
    let refused = try uninstall()
    let advice = "systemctl disable --now sniproxy.socket"
    #expect(refused.status != .exited(0) && refused.error.contains(advice), "\(refused)")
    #expect(try machine.run("test", "-x", "/usr/local/sbin/sniproxy").status == .exited(0))
    #expect(try machine.run("sh", "-c", advice).status == .exited(0))
    let done = try uninstall()
    #expect(done.status == .exited(0), "\(done)")
    #expect(try machine.run("test", "-e", "/usr/local/sbin/sniproxy").status == .exited(1))
    #expect(try machine.run("find", "/etc/systemd", "-lname", "*sniproxy*").output.isEmpty)
  }

  @Test func `installing twice is installing once, and uninstalling leaves what was there`() throws {
    let root = try Scratch.current.directory("root")
    // A directory that install would make, one with a file of somebody else, and an older version's file of its own.
    try FileManager.default.createDirectory(atPath: "\(root)/usr/local/sbin", withIntermediateDirectories: true)
    let bin = "\(root)/usr/local/bin"
    try FileManager.default.createDirectory(atPath: bin, withIntermediateDirectories: true)
    try FileManager.default.setAttributes([.posixPermissions: 0o2775], ofItemAtPath: bin)
    #expect(FileManager.default.createFile(atPath: "\(bin)/other", contents: Data("other".utf8)))
    let before = try listing(root)
    try make("install", root)
    let once = try listing(root)
    #expect(once.count > before.count + 20)
    try make("install", root)
    #expect(try listing(root) == once)
    try make("uninstall", root)
    #expect(try listing(root) == before)
  }

  @Test func `uninstalling what is not installed is told, and touches nothing`() throws {
    let root = try Scratch.current.directory("root")
    let made = try run("make", "-C", Program.package, "uninstall", "DESTDIR=\(root)")
    #expect(made.status != .exited(0) && made.error.contains("no such list"))
    #expect(try listing(root).count == 1)
  }

  @Test func `modes do not depend on the umask`() throws {
    let root = try Scratch.current.directory("root")
    let made = try run(
      "sh", "-c", "umask 077 && exec make -C \(Program.package) install DESTDIR=\(root) PROGRAMS=\(Program.directory)")
    #expect(made.status == .exited(0), "\(made.error)")
    let modes = Set(try listing(root).map { $0.prefix { $0 != " " } })
    #expect(modes == ["d755", "f644", "f755"], "\(modes)")
  }

  private func make(_ target: String, _ root: String, _ variables: String...) throws {
    let child = try Child(
      "make", ["-C", Program.package, target, "DESTDIR=\(root)", "PROGRAMS=\(Program.directory)"] + variables)
    #expect(try child.wait() == .exited(0), "\(child.error)")
  }

  /// Type and mode, path, and size of a file, of all below it.
  private func listing(_ root: String) throws -> [String] {
    let found = try run("find", root, "-type", "d", "-printf", "d%m ./%P\n", "-o", "-printf", "%y%m ./%P %s\n")
    #expect(found.status == .exited(0), "\(found.error)")
    return found.output.split(separator: "\n").map(String.init).sorted()
  }

  private func exists(_ path: String) -> Bool { FileManager.default.fileExists(atPath: path) }
}
