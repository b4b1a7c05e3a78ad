import CLinux
import Glibc
import Kernel
import Testing
import Wire

/// Bytes on their way from one real socket to another through a pipe.
@Suite struct PipeTests {
  /// As the program does it: a splice to nobody raises the signal.
  init() { _ = signal(SIGPIPE, SIG_IGN) }

  @Test(arguments: Channel.Kind.allCases, Channel.Kind.allCases)
  func `what goes through a pipe arrives unchanged`(from one: Channel.Kind, to other: Channel.Kind) throws {
    let source = try Channel(one)
    let sink = try Channel(other)
    var pipe = try Pipe(capacity: 1 << 18)
    let bytes = someBytes(500_000)
    var (written, moved, turn) = (0, 0, 0)
    var arrived: [UInt8] = []
    while moved < bytes.count {
      turn += 1
      let piece = [1, 4095, 4096, 4097, 100_000, 65_536, 250_001][turn % 7]
      written += source.write(bytes[written..<min(written + piece, bytes.count)])
      source.awaitBytes()
      let most = [1 << 18, 1, 4097, 65_535][turn % 4]
      let count = try pipe.fill(from: source.socket, most: most)
      try #require(count > 0, "nothing was there at \(moved)")
      let filled = pipe.count
      #expect(filled == count && count <= most)
      while pipe.count > 0 {
        switch try pipe.drain(to: sink.socket) {
        case .moved(let count): moved += count
        case .wouldBlock: arrived += sink.awaitSome()
        case .endOfStream: preconditionFailure("a sink has no end")
        }
      }
    }
    while arrived.count < bytes.count { arrived += sink.awaitSome() }
    #expect(arrived == bytes)
  }

  /// In the pipe, or where the pipe's owner takes it.
  @Test(arguments: Channel.Kind.allCases, [nil, 1000, 1 << 16, 1 << 18])
  func `what a full sink does not take stays in order`(_ kind: Channel.Kind, takenThrough capacity: Int?) throws {
    let source = try Channel(.unix)
    let sink = try Channel(kind)
    let bytes = someBytes(150_000)
    #expect(source.write(bytes[...]) == bytes.count)
    let filling = sink.fill()
    var pipe = try Pipe(capacity: 1 << 18)
    #expect(try pipe.fill(from: source.socket, most: 1 << 18) == bytes.count)
    var taken = 0
    while pipe.count == bytes.count {
      taken += sink.awaitSome(atMost: 2000).count
      _ = try pipe.drain(to: sink.socket)
    }
    let drained = bytes.count - pipe.count
    try #require(drained < bytes.count)
    if let capacity {
      let rest = try pipe.drain(into: Buffer(capacity: capacity))
      #expect(rest == Array(bytes[drained...]))
    }
    var arrived: [UInt8] = []
    while pipe.count > 0 {
      if case .wouldBlock = try pipe.drain(to: sink.socket) { arrived += sink.awaitSome() }
    }
    let due = capacity == nil ? bytes.count : drained
    while taken + arrived.count < filling + due { arrived += sink.awaitSome() }
    #expect(Array(arrived[(filling - taken)...]) == Array(bytes[..<due]))
    let left = pipe.count
    #expect(left == 0)
  }

  @Test(arguments: Channel.Kind.allCases) func `of a source without bytes and of its end a pipe says the same`(
    _ kind: Channel.Kind
  ) throws {
    let source = try Channel(kind)
    var pipe = try Pipe(capacity: 1 << 18)
    var told = [try pipe.fill(from: source.socket, most: 100)]
    #expect(source.write([1, 2, 3]) == 3)
    source.finish()
    source.awaitEnd()
    told.append(try pipe.fill(from: source.socket, most: 100))
    let buffer = Buffer(capacity: 100)
    #expect(try pipe.drain(into: buffer) == [1, 2, 3])
    told.append(try pipe.fill(from: source.socket, most: 100))
    #expect(told == [0, 3, 0])
    #expect(try pipe.drain(into: buffer) == [])
  }

  /// Why a splice is not to be believed about the end.
  @Test func `no splice gets past urgent bytes, not even to tell of the end`() throws {
    let source = try Channel(.internet)
    var pipe = try Pipe(capacity: 1 << 18)
    let buffer = Buffer(capacity: 100)
    #expect(source.write([1, 2, 3]) == 3)
    source.writeUrgent(4)
    #expect(source.write([5]) == 1)
    var told = [try pipe.fill(from: source.socket, most: 100)]
    #expect(try pipe.drain(into: buffer) == [1, 2, 3])
    told.append(try pipe.fill(from: source.socket, most: 100))
    source.finish()
    source.awaitEnd()
    told.append(try pipe.fill(from: source.socket, most: 100))
    #expect(told == [3, 0, 0])
    #expect(try source.socket.receive(into: buffer, 0..<100) == .moved(2))
    #expect(buffer.bytes(0..<2) == [4, 5])
  }

  @Test func `a sink that nobody reads is told, and the bytes are still there`() throws {
    let source = try Channel(.unix)
    let sink = try Channel(.unix)
    var pipe = try Pipe(capacity: 1 << 18)
    #expect(source.write([1, 2, 3]) == 3)
    #expect(try pipe.fill(from: source.socket, most: 100) == 3)
    shutdown(sink.peer.number, Int32(SHUT_RD))
    var error: Errno?
    do throws(Errno) { _ = try pipe.drain(to: sink.socket) } catch let thrown { error = thrown }
    #expect(error == .brokenPipe)
    #expect(try pipe.drain(into: Buffer(capacity: 100)) == [1, 2, 3])
  }

  @Test func `a source that was reset is told`() throws {
    let source = try Channel(.internet)
    var pipe = try Pipe(capacity: 1 << 18)
    source.reset()
    source.awaitBytes()
    var error: Errno?
    do throws(Errno) { _ = try pipe.fill(from: source.socket, most: 100) } catch let thrown { error = thrown }
    #expect(error == .connectionReset)
  }

  @Test(.enabled(if: isRoot && Hoard.allowance > 0, "only root can become a user whose pipes have a limit"))
  func `a user without memory for pipes gets none, and loses no descriptor by asking`() async {
    await #expect(processExitsWith: .success) {
      try becomeAnybody()
      let hoard = Hoard(leaving: 0)
      let before = openDescriptors()
      for _ in 0..<10 {
        #expect(failure { () throws(Errno) in _ = try Pipe(capacity: 1 << 18) } == .notPermitted)
      }
      #expect(openDescriptors() == before)
      hoard.release()
      #expect(failure { () throws(Errno) in _ = try Pipe(capacity: 1 << 18) } == nil)
    }
  }

  /// The kernel's own 64 KiB are enough.
  @Test(.enabled(if: isRoot && Hoard.allowance > 0, "only root can become a user whose pipes have a limit"))
  func `a user with memory for a quarter of a pipe gets that`() async {
    await #expect(processExitsWith: .success) {
      try becomeAnybody()
      let hoard = Hoard(leaving: 48)
      let source = try Channel(.unix)
      var pipe = try Pipe(capacity: 1 << 18)
      let bytes = someBytes(150_000)
      #expect(source.write(bytes[...]) == bytes.count)
      let sink = try Channel(.unix)
      var arrived: [UInt8] = []
      while arrived.count < bytes.count {
        let count = try pipe.fill(from: source.socket, most: 1 << 18)
        #expect(count <= 1 << 16)
        if count == 0 { break }
        while pipe.count > 0 { _ = try pipe.drain(to: sink.socket) }
        arrived += sink.read()
      }
      #expect(arrived == bytes)
      hoard.release()
    }
  }

  @Test func `where there is no descriptor left there is no pipe`() async {
    await #expect(processExitsWith: .success) {
      var limit = rlimit()
      require(unsafe getrlimit(RLIMIT_NOFILE, &limit))
      // All that are there stay open, and none comes.
      limit.rlim_cur = 1
      require(unsafe setrlimit(RLIMIT_NOFILE, &limit))
      #expect(failure { () throws(Errno) in _ = try Pipe(capacity: 1 << 18) } == Errno(EMFILE))
    }
  }
}

/// A socket to splice with, whose other end is in the test's hands and does not block either.
struct Channel: ~Copyable {
  enum Kind: CaseIterable { case unix, internet }

  let socket: Socket
  let peer: Descriptor

  init(_ kind: Kind) throws {
    switch kind {
    case .unix: self = Self.unix()
    case .internet: self = try Self.internet()
    }
  }

  private init(_ socket: consuming Socket, _ peer: consuming Descriptor) {
    self.socket = socket
    self.peer = peer
  }

  private static func unix() -> Channel {
    var ends: [Int32] = [-1, -1]
    require(unsafe socketpair(AF_UNIX, linux_SOCK_STREAM | Int32(SOCK_NONBLOCK.rawValue), 0, &ends))
    return Channel(Socket(owning: ends[0]), Descriptor(owning: ends[1]))
  }

  private static func internet() throws -> Channel {
    let listener = try ListeningSocket(.internet(.v4([127, 0, 0, 1]), port: 0, scope: 0))
    let peer = connectToLoopback(port(listener))
    require(linux_fcntl(peer.number, F_SETFL, O_RDWR | O_NONBLOCK))
    return Channel(try acceptedSocket(listener), peer)
  }

  /// Gives what the kernel takes of it.
  func write(_ bytes: ArraySlice<UInt8>) -> Int {
    max(0, unsafe bytes.withUnsafeBytes { unsafe send(peer.number, $0.baseAddress!, $0.count, linux_MSG_NOSIGNAL) })
  }

  func writeUrgent(_ byte: UInt8) {
    require(unsafe send(peer.number, [byte], 1, Int32(MSG_OOB)) == 1 ? 0 : -1)
  }

  func finish() { shutdown(peer.number, Int32(SHUT_WR)) }

  /// Ends a TCP connection for both.
  func reset() {
    var zero = linger(l_onoff: 1, l_linger: 0)
    require(unsafe setsockopt(peer.number, SOL_SOCKET, SO_LINGER, &zero, socklen_t(MemoryLayout<linger>.size)))
    try? Descriptor.replace(peer.number)
  }

  /// What there is.
  func read(atMost most: Int = 1 << 20) -> [UInt8] {
    unsafe [UInt8](unsafeUninitializedCapacity: most) { bytes, count in
      count = max(0, unsafe recv(peer.number, bytes.baseAddress!, bytes.count, 0))
    }
  }

  func awaitSome(atMost most: Int = 1 << 20) -> [UInt8] {
    wait(POLLIN, at: peer.number)
    return read(atMost: most)
  }

  func awaitBytes() { wait(POLLIN, at: socket.number) }

  func awaitEnd() { wait(Int32(linux_EPOLLRDHUP), at: socket.number) }

  private func wait(_ events: Int32, at number: Int32) {
    var entry = pollfd(fd: number, events: Int16(events), revents: 0)
    require(unsafe poll(&entry, 1, 20_000) == 1 ? 0 : -1)
  }

  /// Sends until no more is taken, and gives how much that was. There is little room.
  func fill() -> Int {
    var size: Int32 = 20_000
    require(unsafe setsockopt(peer.number, SOL_SOCKET, SO_RCVBUF, &size, socklen_t(MemoryLayout<Int32>.size)))
    require(unsafe setsockopt(socket.number, SOL_SOCKET, SO_SNDBUF, &size, socklen_t(MemoryLayout<Int32>.size)))
    let piece = [UInt8](repeating: 0, count: 4096)
    var sent = 0
    repeat {
      while case .moved(let count) = try? socket.send(piece) { sent += count }
      // A TCP peer's kernel may still be making room.
    } while isWritable(within: 200)
    return sent
  }

  private func isWritable(within milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: socket.number, events: Int16(POLLOUT), revents: 0)
    return unsafe poll(&entry, 1, milliseconds) == 1
  }
}

/// Bytes that differ from place to place.
func someBytes(_ count: Int) -> [UInt8] {
  (0..<count).map { UInt8(truncatingIfNeeded: ($0 &* 0x9e37_79b1) >> 13) }
}

/// Pipes that take a user's whole allowance but so many pages (`pipe-user-pages-soft`, pipe(7)).
private final class Hoard {
  /// In pages; 0 where there is none.
  static var allowance: Int {
    guard let file = unsafe fopen("/proc/sys/fs/pipe-user-pages-soft", "r") else { return 0 }
    defer { unsafe fclose(file) }
    var line = [CChar](repeating: 0, count: 32)
    guard unsafe fgets(&line, 32, file) != nil else { return 0 }
    return unsafe atol(line)
  }

  private var pipes: [Int32] = []

  init(leaving pages: Int) {
    let pageSize = Int(sysconf(Int32(_SC_PAGESIZE)))
    var rest = Self.allowance - pages
    for size in [128, 16] {
      while rest >= size {
        let (reading, writing) = makePipe()
        pipes += [reading, writing]
        rest -= Int(require(linux_fcntl(writing, linux_F_SETPIPE_SZ, Int32(size * pageSize)))) / pageSize
      }
    }
  }

  func release() {
    for number in pipes { close(number) }
    pipes = []
  }
}

/// A user of the test's own.
private func becomeAnybody() throws {
  let number = UInt32.random(in: 1 << 20..<1 << 30)
  try #require(User("\(number):\(number)")).become()
}

private func openDescriptors() -> Int { (0..<4096).count { Descriptor.isOpen($0) } }
