import Glibc
import Kernel
import Testing
import Wire

@Suite struct UnixListenerTests {
  private let folder = TemporaryDirectory()
  private var path: String { folder.path("sniproxy.sock") }

  private func failureToListen() -> Errno? {
    failure { () throws(Errno) in _ = try ListeningSocket(.unix(path: path)) }
  }

  @Test func `a listener has its path for a name, and clients without an address`() throws {
    let listener = try ListeningSocket(.unix(path: path))
    #expect(listener.name == "unix:\(path)")
    #expect(!listener.isInternet)
    _ = try Directory(path: folder.path).connect(to: "sniproxy.sock", by: SocketPath(.procfs))
    let endpoint = try acceptedEndpoint(listener)
    #expect(endpoint == .local)
  }

  @Test func `a listener that is taken over has its path for a name`() throws {
    let original = try ListeningSocket(.unix(path: path))
    let listener = try ListeningSocket(adopting: try Descriptor.duplicate(original.number))
    #expect(listener.name == "unix:\(path)")
    #expect(!listener.isInternet)
    listener.removeFile()
    #expect(FileIdentity(path: path) != nil)
  }

  @Test func `a stale socket is replaced`() throws {
    makeStaleSocket(path)
    let listener = try ListeningSocket(.unix(path: path))
    _ = try Directory(path: folder.path).connect(to: "sniproxy.sock", by: SocketPath(.procfs))
    withExtendedLifetime(listener) {}
  }

  @Test func `a live socket is an error, and goes on`() throws {
    let listener = try ListeningSocket(.unix(path: path))
    #expect(failureToListen() == .addressInUse)
    _ = try Directory(path: folder.path).connect(to: "sniproxy.sock", by: SocketPath(.procfs))
    let accepted = try listener.accept() != nil
    #expect(accepted)
  }

  @Test func `what is no stale socket is kept`() throws {
    let target = folder.path("target")
    makeStaleSocket(target)
    let makers: [(String) -> Void] = [
      { folder.makeFile($0) }, { folder.makeDirectory($0) }, { folder.makeLink($0, to: "missing") },
      { folder.makeLink($0, to: target) }, { require(unsafe mkfifo(folder.path($0), 0o600)) },
    ]
    for make in makers {
      make("sniproxy.sock")
      let before = FileIdentity(path: path)
      #expect(failureToListen() == .addressInUse)
      #expect(FileIdentity(path: path) == before)
      require(unsafe remove(path))
    }
    #expect(FileIdentity(path: target) != nil)
  }

  @Test func `the file is removed, but only if it is still ours`() throws {
    let first = try ListeningSocket(.unix(path: path))
    require(unsafe remove(path))
    let second = try ListeningSocket(.unix(path: path))
    first.removeFile()
    #expect(FileIdentity(path: path) != nil)
    second.removeFile()
    #expect(FileIdentity(path: path) == nil)
    second.removeFile()
  }

  @Test func `the file goes with the listener`() throws {
    var listener: ListeningSocket? = try ListeningSocket(.unix(path: path))
    #expect(FileIdentity(path: path) != nil && listener != nil)
    listener = nil
    #expect(FileIdentity(path: path) == nil)
  }

  @Test func `of many that replace a stale socket at once one succeeds`() async throws {
    for _ in 0..<50 {
      makeStaleSocket(path)
      let path = path
      let listeners = await withTaskGroup(of: ListeningSocket?.self) { group in
        for _ in 0..<4 { group.addTask { try? ListeningSocket(.unix(path: path)) } }
        return await group.reduce(into: []) { if let listener = $1 { $0.append(listener) } }
      }
      #expect(listeners.count == 1)
    }
  }

  @Test func `a path has 107 bytes at most`() {
    let room = 107 - folder.path.utf8.count - 1
    let longest = folder.path(String(repeating: "s", count: room))
    #expect(failure { () throws(Errno) in _ = try ListeningSocket(.unix(path: longest)) } == nil)
    #expect(failure { () throws(Errno) in _ = try ListeningSocket(.unix(path: longest + "s")) } == .nameTooLong)
  }

  @Test func `a directory that is missing is an error`() {
    let path = folder.path("missing/sniproxy.sock")
    #expect(failure { () throws(Errno) in _ = try ListeningSocket(.unix(path: path)) } == .noSuchFileOrDirectory)
  }
}
