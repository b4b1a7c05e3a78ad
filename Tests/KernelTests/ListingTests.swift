import Glibc
import Kernel
import Testing

/// What explains a look-up: the names in a directory, and the steps of a trail.
@Suite struct ListingTests {
  private let folder = TemporaryDirectory()

  @Test func `the names in a directory`() throws {
    #expect(try Directory(path: folder.path).names(atMost: 10).names.isEmpty)
    let names = ["a", ".b", "c\u{1b}", "d e"]
    for name in names { folder.makeFile(name) }
    let directory = try Directory(path: folder.path)
    let (found, areAll) = try directory.names(atMost: 4)
    #expect(Set(found) == Set(names.map { Array($0.utf8) }) && areAll)
    let (some, areAllOfThem) = try directory.names(atMost: 3)
    #expect(some.count == 3 && !areAllOfThem)
    #expect(try directory.names(atMost: 4).names.count == 4, "each time from the first one on")
  }

  private final class Steps {
    var texts: [String] = []

    func note(_ step: Trail.Step) {
      switch step {
      case .root: texts.append("/")
      case .directory(let name, let status, let isSearched, _):
        texts.append("directory \(text(name)) \(String(status.permissions, radix: 8)) \(isSearched)")
      case .link(let name, _, let target): texts.append("link \(text(name)) \(target.map(text) ?? "of the kernel's")")
      case .file(let name, let status, let isWritten, _): texts.append("file \(text(name)) \(status.noun) \(isWritten)")
      case .lost(let name, let error): texts.append("lost \(text(name)) \(error.code)")
      }
    }

    private func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
  }

  private func steps(_ path: String) throws -> [String] {
    let start = try Directory(path: folder.path)
    let steps = Steps()
    var trail = Trail(from: start)
    trail.observer = { steps.note($0) }
    try? trail.follow(Array(path.utf8))
    return steps.texts
  }

  @Test func `the steps of a trail`() throws {
    folder.makeDirectory("a")
    unsafe chmod(folder.path("a"), 0o750)
    folder.makeFile("a/file")
    folder.makeLink("link", to: "a/file")
    folder.makeLink("loop", to: "loop")
    folder.makeLink("root", to: "/")
    #expect(try steps("a/file") == ["directory a 750 true", "file file a regular file true"])
    #expect(try steps("link") == ["link link a/file", "directory a 750 true", "file file a regular file true"])
    #expect(try steps("a/none/more") == ["directory a 750 true", "lost none \(ENOENT)"])
    #expect(try steps("link/more").suffix(2) == ["file file a regular file true", "lost file \(ENOTDIR)"])
    #expect(try steps("root") == ["link root /", "/"])
    #expect(try steps("loop").last == "lost loop \(ELOOP)")
    #expect(try steps("/proc/self/fd/0").isEmpty == false)
  }

  @Test(.disabled(if: isRoot, "root may do all")) func `what this user may not do`() throws {
    folder.makeDirectory("closed")
    folder.makeFile("file")
    unsafe chmod(folder.path("closed"), 0o600)
    unsafe chmod(folder.path("file"), 0o400)
    #expect(try steps("closed") == ["directory closed 600 false"])
    #expect(try steps("file") == ["file file a regular file false"])
    #expect(try !Directory(path: folder.path("closed")).mayBeSearched)
  }
}
