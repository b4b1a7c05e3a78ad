import CLinux
import Foundation
import Kernel
import Testing

@testable import Status

/// How a new file comes to its place, and what happens where it cannot.
@Suite struct PlaceTests {
  @Test func `a new file takes the place of the old one, which goes on by itself`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("status")
    let old = try Ledger(workers: 1, path: path)
    let reader = try OpenFile(path: path)
    old.tally(0).accepted()
    let new = try Ledger(workers: 1, path: path)
    old.tally(0).accepted()
    #expect(try StatusFile.read(path).total.accepted == 0)
    #expect(try StatusFile.parse(try reader.bytes(most: 1 << 20), isAlive: true).total.accepted == 2)
    new.tally(0).accepted()
    #expect(try StatusFile.read(path).total.accepted == 1)
    #expect(try directory.names == ["status"])
    #expect(old.predecessor == nil)
    #expect(new.predecessor == Author(process: getpid(), state: .starting, isAlive: true))
  }

  @Test func `its room is there and everybody may read it, whatever umask says`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("status")
    let before = umask(0o077)
    let ledger = try Ledger(workers: 2, path: path)
    umask(before)
    var status = stat()
    #expect(unsafe stat(path, &status) == 0)
    #expect(status.st_mode == S_IFREG | 0o644)
    #expect(status.st_size == Layout.count(workers: 2) * 8)
    #expect(status.st_blocks * 512 >= status.st_size, "there is a hole in it")
    withExtendedLifetime(ledger) {}
  }

  @Test func `it tells whether its process lives`() throws {
    let directory = try TemporaryDirectory()
    var ledger: Ledger? = try Ledger(workers: 1, path: directory.file("status"))
    #expect(try StatusFile.read(directory.file("status")).isAlive)
    withExtendedLifetime(ledger) {}
    // As the end of a process does.
    ledger = nil
    let snapshot = try StatusFile.read(directory.file("status"))
    #expect(!snapshot.isAlive && snapshot.state == .starting)
  }

  /// Everybody may read it, and so may lock it as a reader.
  @Test func `a lock of a reader brings nobody back to life`() throws {
    let directory = try TemporaryDirectory()
    let path = directory.file("status")
    var ledger: Ledger? = try Ledger(workers: 1, path: path)
    withExtendedLifetime(ledger) {}
    ledger = nil
    let reader = unsafe open(path, O_RDONLY | O_CLOEXEC)
    defer { close(reader) }
    #expect(reader >= 0 && flock(reader, LOCK_EX) == 0 && linux_hold(reader, Int16(F_RDLCK)) == 0)
    #expect(try !StatusFile.read(path).isAlive)
  }

  @Test func `a link is replaced, and what it leads to is left alone`() throws {
    let directory = try TemporaryDirectory()
    let other = directory.file("other")
    try "precious".write(toFile: other, atomically: false, encoding: .utf8)
    try FileManager.default.createSymbolicLink(atPath: directory.file("status"), withDestinationPath: other)
    let ledger = try Ledger(workers: 1, path: directory.file("status"))
    #expect(try String(contentsOfFile: other, encoding: .utf8) == "precious")
    #expect(try StatusFile.read(directory.file("status")).isAlive)
    withExtendedLifetime(ledger) {}
  }

  @Test func `an empty file is replaced, and nothing else that is no status file`() throws {
    let directory = try TemporaryDirectory()
    try "".write(toFile: directory.file("empty"), atomically: false, encoding: .utf8)
    _ = try Ledger(workers: 1, path: directory.file("empty"))
    try "precious".write(toFile: directory.file("text"), atomically: false, encoding: .utf8)
    try FileManager.default.createDirectory(atPath: directory.file("directory"), withIntermediateDirectories: false)
    #expect(unsafe mkfifo(directory.file("fifo"), 0o600) == 0)
    for name in ["text", "directory", "fifo"] {
      #expect(throws: Ledger.Failure.placeIsTaken) { _ = try Ledger(workers: 1, path: directory.file(name)) }
    }
    #expect(try String(contentsOfFile: directory.file("text"), encoding: .utf8) == "precious")
    #expect(try directory.names == ["directory", "empty", "fifo", "text"])
  }

  @Test func `a path that names no file is told`() throws {
    let directory = try TemporaryDirectory()
    for (path, expected) in [
      (directory.file("missing/status"), Errno.noSuchFileOrDirectory), (directory.file("") + "/", .invalidArgument),
      ("", .invalidArgument), ("/", .invalidArgument), (directory.file(".."), .invalidArgument),
      (directory.file(String(repeating: "n", count: 256)), .nameTooLong),
    ] {
      do throws(Ledger.Failure) {
        _ = try Ledger(workers: 1, path: path)
        Issue.record("\(path) was made")
      } catch {
        guard case .system(_, expected, leaving: nil) = error else {
          Issue.record("\(path): \(error)")
          continue
        }
      }
    }
    #expect(try directory.names.isEmpty)
  }
}

/// A directory that is gone with the test.
final class TemporaryDirectory {
  let path: String

  init() throws {
    path = "/tmp/sniproxy-test.\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
  }

  deinit { try? FileManager.default.removeItem(atPath: path) }

  func file(_ name: String) -> String { "\(path)/\(name)" }

  var names: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: path).sorted() } }
}
