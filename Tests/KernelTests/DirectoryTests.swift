import Glibc
import Kernel
import Testing

@Suite struct DirectoryTests {
  private let folder = TemporaryDirectory()

  private func directory(_ name: String) throws(Errno) -> Directory {
    var way = try SocketPath(.procfs)
    return try Directory(path: folder.path).directory(Array(name.utf8), by: &way)
  }

  @Test func `only a directory can be opened`() {
    let (path, file) = (folder.path, folder.makeFile("file"))
    #expect(failure { () throws(Errno) in _ = try Directory(path: path) } == nil)
    #expect(failure { () throws(Errno) in _ = try Directory(path: file) } == .notDirectory)
    #expect(failure { () throws(Errno) in _ = try Directory(path: path + "/missing") } == .noSuchFileOrDirectory)
  }

  @Test func `an entry is a directory or a link to one`() {
    folder.makeDirectory("plain")
    folder.makeLink("link", to: "plain")
    folder.makeLink("chain", to: "link")
    folder.makeLink("absolute", to: folder.path("plain"))
    folder.makeFile("file")
    folder.makeLink("to-file", to: "file")
    folder.makeLink("dangling", to: "missing")
    folder.makeLink("loop", to: "loop")
    for name in ["plain", "link", "chain", "absolute"] {
      #expect(failure { () throws(Errno) in _ = try directory(name) } == nil, "\(name)")
    }
    let wrong: [(String, Errno)] = [
      ("file", .notDirectory), ("to-file", .notDirectory), ("missing", .noSuchFileOrDirectory),
      ("dangling", .noSuchFileOrDirectory), ("loop", Errno(ELOOP)),
    ]
    for (name, error) in wrong {
      #expect(failure { () throws(Errno) in _ = try directory(name) } == error, "\(name)")
    }
  }

  @Test func `an entry may have a name of 253 bytes`() throws {
    let name = String(repeating: "n", count: 253)
    folder.makeDirectory(name)
    _ = try directory(name)
  }

  /// Shows something only where `fs.protected_symlinks` is on, as it is on Debian.
  @Test(.enabled(if: isRoot)) func `a user's link works in a sticky directory`() throws {
    let target = folder.makeDirectory("target")
    folder.makeDirectory("hosts", mode: 0o1777)
    require(unsafe lchown(folder.makeLink("hosts/link", to: target), 12345, 12345))
    var way = try SocketPath(.procfs)
    _ = try Directory(path: folder.path("hosts")).directory(Array("link".utf8), by: &way)
  }

  @Test func `a flag may be of any type`() throws {
    folder.makeDirectory("entry")
    let entry = try directory("entry")
    #expect(try !entry.contains("send-proxy-v1"))
    let makers: [(String) -> Void] = [
      { folder.makeFile($0) }, { folder.makeDirectory($0) }, { folder.makeLink($0, to: "dangling") },
      { require(unsafe mkfifo(folder.path($0), 0)) },
    ]
    for make in makers {
      make("entry/send-proxy-v1")
      let isThere = try entry.contains("send-proxy-v1")
      #expect(isThere)
      require(unsafe remove(folder.path("entry/send-proxy-v1")))
    }
  }

  @Test func `an open directory stays what it was when its name goes to another`() throws {
    folder.makeDirectory("entry")
    folder.makeFile("entry/send-proxy-v2")
    folder.makeDirectory("other")
    let entry = try directory("entry")
    require(unsafe rename(folder.path("entry"), folder.path("old")))
    require(unsafe rename(folder.path("other"), folder.path("entry")))
    #expect(try entry.contains("send-proxy-v2"))
    require(unsafe remove(folder.path("old/send-proxy-v2")))
    require(unsafe rmdir(folder.path("old")))
    #expect(try !entry.contains("send-proxy-v2"))
  }

  @Test(.enabled(if: isRoot)) func `search permission is enough, and without it there is no way`() async throws {
    require(unsafe chmod(folder.path, 0o711))
    folder.makeDirectory("open", mode: 0o711)
    folder.makeFile("open/send-proxy-v1")
    folder.makeDirectory("shut", mode: 0o700)
    let listener = try ListeningSocket(.unix(path: folder.path("open/tls-socket")))
    require(unsafe chmod(folder.path("open/tls-socket"), 0o222))
    await #expect(processExitsWith: .success) { [path = folder.path as String] in
      try #require(User("12345:23456")).become()
      let hosts = try Directory(path: path)
      var way = try SocketPath(.procfs)
      let open = try hosts.directory(Array("open".utf8), by: &way)
      #expect(try open.contains("send-proxy-v1"))
      #expect(failure { () throws(Errno) in _ = try open.connect(to: "tls-socket", by: way) } == nil)
      #expect(
        failure { () throws(Errno) in _ = try hosts.directory(Array("shut".utf8), by: &way) } == .permissionDenied)
    }
    withExtendedLifetime(listener) {}
  }
}
