import CLinux
import Glibc
import Kernel
import Testing

/// Both ways to a Unix socket in an open directory.
@Suite struct SocketPathTests {
  private let folder = TemporaryDirectory()

  @Test(arguments: SocketPath.Kind.allCases) func `what the name stands for decides`(_ way: SocketPath.Kind)
    throws
  {
    let listener = try ListeningSocket(.unix(path: folder.path("elsewhere")))
    for name in ["link", "dangling", "file", "dead", "datagram", "empty"] { folder.makeDirectory(name) }
    folder.makeLink("link/tls-socket", to: "../elsewhere")
    folder.makeLink("dangling/tls-socket", to: "../missing")
    folder.makeFile("file/tls-socket")
    makeStaleSocket(folder.path("dead/tls-socket"))
    let datagram = datagramSocket(folder.path("datagram/tls-socket"))
    let results: [(String, Errno?)] = [
      ("link", nil), ("dangling", .noSuchFileOrDirectory), ("file", .connectionRefused), ("dead", .connectionRefused),
      ("datagram", Errno(EPROTOTYPE)), ("empty", .noSuchFileOrDirectory),
    ]
    for (name, error) in results { #expect(try failureToConnect(folder.path(name), by: way) == error, "\(name)") }
    withExtendedLifetime((listener, datagram.number)) {}
  }

  @Test(arguments: SocketPath.Kind.allCases) func `a path of any length works`(_ way: SocketPath.Kind) throws {
    let name = String(repeating: "n", count: 253)
    folder.makeDirectory(name)
    folder.makeDirectory("\(name)/\(name)")
    let path = folder.path("\(name)/\(name)")
    let directory = Descriptor(owning: require(unsafe open(path, O_RDONLY)))
    let listener = try ListeningSocket(.unix(path: "/proc/self/fd/\(directory.number)/tls-socket"))
    #expect(try failureToConnect(path, by: way) == nil)
    let isThere = try listener.accept() != nil
    #expect(isThere)
  }

  @Test(arguments: SocketPath.Kind.allCases) func `a full backlog is told at once`(_ way: SocketPath.Kind)
    throws
  {
    let number = require(socket(AF_UNIX, linux_SOCK_STREAM, 0))
    let descriptor = Descriptor(owning: number)
    bind(number, folder.path("tls-socket"))
    require(listen(number, 0))
    #expect(try failureToConnect(folder.path, by: way) == nil)
    #expect(try failureToConnect(folder.path, by: way) == .wouldBlock)
    withExtendedLifetime(descriptor.number) {}
  }

  @Test func `a thread's working directory is its own`() throws {
    let listener = try ListeningSocket(.unix(path: folder.path("tls-socket")))
    let before = Self.workingDirectory()
    #expect(try failureToConnect(folder.path, by: .workingDirectory) == nil)
    #expect(Self.workingDirectory() == before)
    withExtendedLifetime(listener) {}
  }

  @Test func `a look-up leaves the directory, and a failed one stays out of it`() throws {
    folder.makeDirectory("entry")
    let places = try onThread { [path = folder.path as String] in
      visited(path)
    }
    let home = FileIdentity(path: folder.path)
    #expect(places == [FileIdentity(path: folder.path("entry")), home, home])
  }
  @Test(.enabled(if: isRoot)) func `in an empty root directory there is a way too`() async throws {
    folder.makeDirectory("entry")
    let listener = try ListeningSocket(.unix(path: folder.path("entry/tls-socket")))
    await #expect(processExitsWith: .success) { [path = folder.path as String] in
      require(unsafe chroot(path))
      var way = try SocketPath()
      let error = failure { () throws(Errno) in
        let entry = try Directory(path: "/").directory(Array("entry".utf8), by: &way)
        _ = try entry.connect(to: "tls-socket", by: way)
      }
      #expect(error == nil)
    }
    withExtendedLifetime(listener) {}
  }

  /// The error of connecting to `tls-socket` in the directory; nil if that works.
  private func failureToConnect(_ path: String, by kind: SocketPath.Kind) throws -> Errno? {
    try onThread {
      failure { () throws(Errno) in
        var way = try SocketPath(kind)
        let directory = try Directory(path: path).directory([UInt8(ascii: ".")], by: &way)
        _ = try directory.connect(to: "tls-socket", by: way)
      }
    }
  }

  /// Where the thread is after an entry is reached, left, and another not found.
  private func visited(_ path: String) -> [FileIdentity?] {
    var places: [FileIdentity?] = []
    let error = failure { () throws(Errno) in
      var way = try SocketPath(.workingDirectory)
      let hosts = try Directory(path: path)
      _ = try hosts.directory(Array("entry".utf8), by: &way)
      places.append(Self.workingDirectory())
      hosts.leave(by: &way)
      places.append(Self.workingDirectory())
      _ = try hosts.directory(Array("none".utf8), by: &way)
    }
    #expect(error == .noSuchFileOrDirectory)
    return places + [Self.workingDirectory()]
  }

  private static func workingDirectory() -> FileIdentity? {
    let directory = Descriptor(owning: require(unsafe open(".", O_RDONLY)))
    return Descriptor.identity(of: directory.number)
  }
}

private func datagramSocket(_ path: String) -> Descriptor {
  let descriptor = Descriptor(owning: require(socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue), 0)))
  bind(descriptor.number, path)
  return descriptor
}
