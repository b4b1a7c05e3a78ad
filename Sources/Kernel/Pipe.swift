import CLinux
import Glibc

/// A pipe (pipe(7)) through which bytes go from one socket to another without leaving the kernel.
package struct Pipe: ~Copyable {
  private let output: Descriptor
  private let input: Descriptor
  /// Bytes that are in it.
  package private(set) var count = 0

  /// The corresponding C functions are `pipe2`, and `fcntl` with `F_SETPIPE_SZ`.
  ///
  /// - Parameter capacity: in bytes. It is a wish: the kernel gives less when the user's pipes have all the memory they may
  ///   have (`pipe-user-pages-soft`, pipe(7)).
  /// - Throws: `.notPermitted` when that is less than a quarter.
  package init(capacity: Int) throws(Errno) {
    var numbers = InlineArray<2, Int32>(repeating: -1)
    try call {
      var span = numbers.mutableSpan
      return unsafe span.withUnsafeMutableBufferPointer { unsafe pipe2($0.baseAddress!, O_CLOEXEC | O_NONBLOCK) }
    }
    let output = Descriptor(owning: numbers[0])
    let input = Descriptor(owning: numbers[1])
    let isGranted = linux_fcntl(input.number, linux_F_SETPIPE_SZ, Int32(capacity)) >= 0
    guard isGranted || linux_fcntl(input.number, linux_F_GETPIPE_SZ, 0) >= capacity / 4 else { throw .notPermitted }
    self.output = output
    self.input = input
  }

  /// Takes up to `most` bytes from the socket. The corresponding C function is `splice`.
  ///
  /// - Returns: 0 when nothing can be had in this way. That a stream has ended, or has nothing for now, only a read tells:
  ///   a splice never gets past urgent bytes, and says of them what it says of the end.
  /// - Precondition: the pipe is empty.
  package mutating func fill(from source: borrowing Socket, most: Int) throws(Errno) -> Int {
    precondition(count == 0)
    if case .moved(let moved) = try Self.splice(from: source.number, to: input.number, most) { count = moved }
    return count
  }

  /// Gives the socket what it takes. The corresponding C function is `splice`.
  package mutating func drain(to sink: borrowing Socket) throws(Errno) -> Socket.Transfer {
    let outcome = try Self.splice(from: output.number, to: sink.number, count)
    if case .moved(let moved) = outcome { count -= moved }
    return outcome
  }

  /// Takes all that is in it into memory. The corresponding C function is `read`.
  package mutating func drain(into buffer: borrowing Buffer) throws(Errno) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while count > 0 {
      let region = unsafe buffer.pointer(0..<min(count, buffer.capacity))
      let moved = try call { unsafe read(output.number, region, min(count, buffer.capacity)) }
      bytes += buffer.bytes(0..<moved)
      count -= moved
    }
    return bytes
  }

  private static func splice(from source: Int32, to sink: Int32, _ most: Int) throws(Errno) -> Socket.Transfer {
    try Socket.outcome { Glibc.splice(source, nil, sink, nil, most, linux_SPLICE_F_NONBLOCK) }
  }

  /// True if `splice` towards a Unix socket never waits. Before Linux 6.5 it waits for the lock of the receiver's reads, so
  /// that a backend could stop a worker.
  package static let mayLeadToUnixSocket: Bool = {
    var names = utsname()
    guard unsafe uname(&names) == 0 else { return false }
    let release = unsafe withUnsafeBytes(of: names.release) {
      unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    let numbers = release.split(whereSeparator: { !$0.isNumber }).prefix(2).compactMap { Int($0) }
    return numbers.count == 2 && (numbers[0], numbers[1]) >= (6, 5)
  }()
}
