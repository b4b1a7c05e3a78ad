import Glibc
import Kernel
import Testing
import Wire

/// A path followed step by step.
@Suite struct TrailTests {
  private let folder = TemporaryDirectory()

  /// What the trail along the paths reaches, and who had a say.
  private func follow(_ paths: String...) throws(Errno) -> (reached: FileIdentity, owners: [UserID], isOpen: Bool) {
    let start = try Directory(path: folder.path)
    var trail = Trail(from: start)
    for path in paths { try trail.follow(Array(path.utf8)) }
    return (trail.status!.identity, trail.owners, trail.isOpenToAll)
  }

  @Test func `it reaches what the kernel reaches`() throws {
    for name in ["a", "a/b", "a/b/c"] { folder.makeDirectory(name) }
    folder.makeFile("a/b/c/file")
    folder.makeLink("a/down", to: "b/c")
    folder.makeLink("a/b/up", to: "..")
    folder.makeLink("absolute", to: folder.path("a/b"))
    folder.makeLink("chain", to: "./absolute//up/down/../c/")
    folder.makeLink("a/b/c/file-link", to: "file")
    for path in [
      "a", "a/b/c/file", "a/down", "a/b/up", "absolute/c", "chain", "chain/file", "chain/file-link", "a/../a/./b", "..",
    ] {
      let expected = try FileStatus(path: folder.path(path))
      #expect(try follow(path).reached == expected.identity, "\(path)")
    }
  }

  @Test func `it fails as the kernel does`() {
    folder.makeDirectory("directory")
    folder.makeFile("file")
    folder.makeLink("loop", to: "loop")
    folder.makeLink("dangling", to: "missing")
    for number in 0...41 { folder.makeLink("hop\(number)", to: "hop\(number + 1)") }
    folder.makeFile("hop42")
    let wrong: [(String, Errno)] = [
      ("missing", .noSuchFileOrDirectory), ("dangling", .noSuchFileOrDirectory), ("file/more", .notDirectory),
      ("loop", .tooManyLinks), ("hop0", .tooManyLinks), ("hop1", .tooManyLinks),
      (String(repeating: "n", count: 256), .nameTooLong),
    ]
    for (path, error) in wrong {
      #expect(failure { () throws(Errno) in _ = try follow(path) } == error, "\(path)")
    }
    #expect(failure { () throws(Errno) in _ = try follow("hop2") } == nil, "40 links are allowed")
  }

  /// Forty links are allowed, and each may have thousands of steps.
  @Test func `its work is bounded`() {
    folder.makeDirectory("directory")
    folder.makeLink("long", to: String(repeating: "directory/../", count: 200))
    #expect(failure { () throws(Errno) in _ = try follow("long") } == .tooManyLinks)
    folder.makeLink("short", to: String(repeating: "directory/../", count: 100))
    #expect(failure { () throws(Errno) in _ = try follow("short") } == nil)
  }

  @Test(.enabled(if: isRoot)) func `it knows all who own what it led through`() throws {
    for (name, owner) in [("one", 101), ("one/two", 102), ("one/two/three", 103)] {
      folder.makeDirectory(name)
      require(unsafe lchown(folder.path(name), uid_t(owner), 0))
    }
    folder.makeFile("one/two/three/file")
    require(unsafe lchown(folder.path("one/two/three/file"), 109, 0))
    folder.makeLink("link", to: "one/two")
    require(unsafe lchown(folder.path("link"), 104, 0))
    let (_, owners, isOpen) = try follow("link", "three/file")
    #expect(owners == [104, 101, 102, 103], "the end's owner has no say")
    #expect(!isOpen)
  }

  @Test(arguments: [(0o755, false), (0o777, true), (0o1777, false), (0o775, false), (0o757, true)])
  func `it knows what anybody may change`(mode: Int, isOpen: Bool) throws {
    folder.makeDirectory("through", mode: mode_t(mode))
    folder.makeFile("through/file")
    #expect(try follow("through/file").isOpen == isOpen)
  }

  @Test func `a link of the kernel's leads to what it stands for`() throws {
    folder.makeFile("file")
    let number = unsafe open(folder.path("file"), O_RDONLY)
    defer { close(number) }
    require(unsafe unlink(folder.path("file")))
    folder.makeLink("number", to: "/proc/self/fd/\(number)")
    folder.makeLink("root", to: "/proc/self/root")
    #expect(try follow("number").reached == Descriptor.identity(of: number))
    #expect(try follow("root").reached == (try FileStatus(path: "/")).identity)
  }

  @Test func `what was reached stays so, whatever its name stands for by then`() throws {
    folder.makeDirectory("host")
    let first = try ListeningSocket(.unix(path: folder.path("host/tls-socket")))
    let start = try Directory(path: folder.path)
    var trail = Trail(from: start)
    try trail.follow(Array("host".utf8))
    let host = try trail.takeDirectory()
    try trail.follow(Array("tls-socket".utf8))
    require(unsafe rename(folder.path("host"), folder.path("old")))
    folder.makeDirectory("host")
    require(unsafe rename(folder.path("old/tls-socket"), folder.path("old/moved")))
    let second = try ListeningSocket(.unix(path: folder.path("old/tls-socket")))
    var way = try SocketPath(.procfs)
    let socket = try trail.connect(as: .relay, by: &way)
    #expect(socket.peerUser == geteuid())
    #expect(try first.accept() != nil)
    #expect(try second.accept() == nil)
    withExtendedLifetime(host) {}
  }
}

extension FileStatus {
  /// The C function follows a last link.
  fileprivate init(path: String) throws(Errno) {
    let number = unsafe open(path, O_PATH)
    defer { close(number) }
    try self.init(of: number)
  }
}
