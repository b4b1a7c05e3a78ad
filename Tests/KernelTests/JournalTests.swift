import CLinux
import Glibc
import Kernel
import Testing

/// The entries' form is that of https://systemd.io/JOURNAL_NATIVE_PROTOCOL.
@Suite struct JournalTests {
  @Test func `a value is on a line with its name`() {
    var entry = Journal.Entry()
    entry.add("MESSAGE", "all is well")
    entry.add("EMPTY", "")
    entry.add("BINARY", [0, 0x3d, 0xff])
    #expect(entry.bytes == Array("MESSAGE=all is well\nEMPTY=\nBINARY=\0=".utf8) + [0xff, 0x0a])
  }

  @Test func `a value that holds the end of a line comes after its length`() {
    var entry = Journal.Entry()
    entry.add("FOO", "a\nB=c")
    #expect(entry.bytes == Array("FOO\n".utf8) + [5, 0, 0, 0, 0, 0, 0, 0] + Array("a\nB=c\n".utf8))
    var long = Journal.Entry()
    long.add("X", [UInt8](repeating: 0x0a, count: 0x1_0203))
    #expect(long.bytes.prefix(10) == [0x58, 0x0a, 3, 2, 1, 0, 0, 0, 0, 0] && long.bytes.count == 0x1_0203 + 11)
  }

  @Test func `an entry is a datagram`() throws {
    let folder = TemporaryDirectory()
    let receiver = Receiver(at: folder.path("socket"))
    let journal = try Journal(path: folder.path("socket"))
    var entry = Journal.Entry()
    entry.add("MESSAGE", "one")
    try journal.write(entry)
    #expect(receiver.next() == entry.bytes)
  }

  @Test func `what cannot be told is told to the caller`() throws {
    let folder = TemporaryDirectory()
    #expect(failure { () throws(Errno) in _ = try Journal(path: folder.path("socket")) } == .noSuchFileOrDirectory)
    let long = String(repeating: "a", count: 200)
    #expect(failure { () throws(Errno) in _ = try Journal(path: folder.path(long)) } == .nameTooLong)

    let receiver = Receiver(at: folder.path("socket"))
    let journal = try Journal(path: folder.path("socket"))
    var entry = Journal.Entry()
    entry.add("MESSAGE", String(repeating: "a", count: 10_000_000))
    #expect(failure { () throws(Errno) in try journal.write(entry) } == Errno(EMSGSIZE))
    entry = Journal.Entry()
    entry.add("MESSAGE", "one")
    try journal.write(entry)
    receiver.stop()
    #expect(failure { () throws(Errno) in try journal.write(entry) } == .connectionRefused)
    #expect(failure { () throws(Errno) in try journal.write(entry) } == Errno(ENOTCONN))
  }
}

/// In the place of the journal.
private final class Receiver {
  private var number: Int32

  init(at path: String) {
    number = require(socket(AF_UNIX, linux_SOCK_DGRAM | Int32(SOCK_CLOEXEC.rawValue), 0))
    bind(number, path)
  }

  deinit { stop() }

  func next() -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: 4096) { buffer, count in
      count = max(0, unsafe recv(number, buffer.baseAddress, 4096, 0))
    }
  }

  func stop() {
    if number >= 0 { close(number) }
    number = -1
  }
}
