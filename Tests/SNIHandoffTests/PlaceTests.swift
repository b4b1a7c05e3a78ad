import Glibc
import Testing

@testable import SNIHandoff

/// The socket `tls-handoff`, and what was there before it.
@Suite struct PlaceTests {
  private let directory = TemporaryDirectory()
  private var path: String { "\(directory.path)/tls-handoff" }
  private let me = "\(getuid())"

  private func failure() -> HandoffError? {
    do throws(HandoffError) {
      _ = try HandoffListener(directory: directory.path, from: me)
    } catch {
      return error
    }
    return nil
  }

  @Test(arguments: [0o600, 0o660, 0o666] as [UInt32])
  func `it has the mode that was asked for, and stays`(mode: UInt32) throws {
    do {
      let listener = try HandoffListener(directory: directory.path, from: me, mode: mode)
      var status = stat()
      require(unsafe lstat(path, &status))
      #expect(status.st_mode == S_IFSOCK | mode)
      _ = Sender(to: path)
      _ = consume listener
    }
    #expect(directory.names == ["tls-handoff"])
  }

  @Test func `a stale one is replaced`() throws {
    close(makeListener(path))
    var before = stat()
    require(unsafe lstat(path, &before))
    var listener = try HandoffListener(directory: directory.path, from: me)
    var after = stat()
    require(unsafe lstat(path, &after))
    #expect(before.st_ino != after.st_ino)
    #expect(directory.names == ["tls-handoff"])
    let connection = TCPConnection()
    Sender(to: path).send(HeaderTests.bytes(), [connection.server])
    #expect(try name(&listener) == "Example.com")
  }

  @Test(arguments: [SOCK_SEQPACKET, SOCK_STREAM].map(\.rawValue))
  func `a live one is told, and goes on`(type: UInt32) throws {
    let live = makeListener(path, __socket_type(rawValue: type))
    defer { close(live) }
    #expect(failure() == .occupied(path: path))
    let peer = require(socket(AF_UNIX, Int32(type), 0))
    defer { close(peer) }
    #expect(Sender.connect(peer, path) == 0)
  }

  @Test func `a live one with a full backlog is told`() throws {
    let live = makeListener(path)
    require(listen(live, 0))
    defer { close(live) }
    let waiting = Sender(to: path)
    #expect(failure() == .occupied(path: path))
    _ = consume waiting
  }

  @Test func `what is no socket stays`() throws {
    close(require(unsafe creat(path, 0o644)))
    #expect(failure() == .occupied(path: path))
    require(unsafe unlink(path))
    require(unsafe symlink("elsewhere", path))
    #expect(failure() == .occupied(path: path))
    require(unsafe unlink(path))
    #expect(failure() == nil)
  }

  @Test func `the directory's path may be long`() throws {
    let label = String(repeating: "d", count: 200)
    let long = "\(directory.path)/\(label)"
    require(unsafe mkdir(long, 0o755))
    defer { _ = unsafe rmdir(long) }
    var listener = try HandoffListener(directory: long, from: me)
    let inside = require(unsafe open(long, O_RDONLY | O_DIRECTORY))
    defer { close(inside) }
    let connection = TCPConnection()
    Sender(to: "/proc/self/fd/\(inside)/tls-handoff").send(HeaderTests.bytes(), [connection.server])
    #expect(try name(&listener) == "Example.com")
    require(unsafe unlink("\(long)/tls-handoff"))
  }

  @Test func `a directory that is missing is told`() {
    #expect(throws: HandoffError.failed(action: "opening the host directory", subject: "/nonexistent", code: ENOENT)) {
      _ = try HandoffListener(directory: "/nonexistent")
    }
  }

  @Test func `of many who come at once one listens`() async throws {
    close(makeListener(path))
    let (path, me) = (directory.path, me)
    // Kept until all have tried.
    let winners = await withTaskGroup(of: Kept?.self) { group in
      for _ in 0..<8 { group.addTask { try? Kept(HandoffListener(directory: path, from: me)) } }
      return await group.reduce(into: []) { if let kept = $1 { $0.append(kept) } }
    }
    #expect(winners.count == 1)
  }

  private final class Kept: Sendable {
    let listener: HandoffListener

    init(_ listener: consuming HandoffListener) { self.listener = listener }
  }

  @Test func `a descriptor that listens is taken over, another is not`() throws {
    let number = makeListener(path)
    var listener = try HandoffListener(adopting: number, from: me)
    let connection = TCPConnection()
    Sender(to: path).send(HeaderTests.bytes(), [connection.server])
    #expect(try name(&listener) == "Example.com")
    let wrong = makeListener("\(directory.path)/stream", SOCK_STREAM)
    defer { close(wrong) }
    #expect(throws: HandoffError.notAListener(descriptor: wrong)) { _ = try HandoffListener(adopting: wrong) }
    #expect(fcntl(wrong, F_GETFD) >= 0, "it stays its owner's")
  }
}
