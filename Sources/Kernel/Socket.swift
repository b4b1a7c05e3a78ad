import CLinux
import Glibc
package import Wire

/// A stream socket that never blocks.
package struct Socket: ~Copyable, Sendable {
  private let descriptor: Descriptor

  package var number: Int32 { descriptor.number }

  /// What came of an attempt to move bytes.
  package enum Transfer: Equatable {
    case moved(Int)
    case endOfStream
    case wouldBlock
  }

  /// - Precondition: the descriptor is non-blocking.
  package init(owning number: Int32) { descriptor = Descriptor(owning: number) }

  /// Stands where no connection is.
  package static var none: Socket { Socket(owning: -1) }

  /// A new Unix socket. The corresponding C function is `socket`.
  package static func unix(_ type: BackendSocket = .relay) throws(Errno) -> Socket {
    Socket(
      owning: try call {
        switch type {
        case .relay: linux_stream_socket(AF_UNIX)
        case .handoff: linux_packet_socket()
        }
      })
  }

  static func internet() throws(Errno) -> Socket { Socket(owning: try call { linux_stream_socket(AF_INET) }) }

  /// The corresponding C function is `recv`.
  package func receive(into buffer: borrowing Buffer, _ range: Range<Int>) throws(Errno) -> Transfer {
    try transfer(buffer, range, flags: 0)
  }

  /// The same from a Unix socket, where a read also stops after a message with descriptors, and with `SO_PASSCRED` between
  /// messages of different processes (unix(7)). `stopped` is set then: there may be more. The corresponding C function is
  /// `recvmsg`.
  package func receive(into buffer: borrowing Buffer, _ range: Range<Int>, stopped: inout Bool) throws(Errno)
    -> Transfer
  {
    let region = unsafe buffer.pointer(range)
    var wasCut: Int32 = 0
    let transfer = try Self.outcome { unsafe linux_receive(number, region, range.count, &wasCut) }
    if wasCut != 0 { stopped = true }
    return transfer
  }

  /// Reads and leaves the bytes in the kernel. The corresponding C function is `recv` with `MSG_PEEK`.
  package func peek(into buffer: borrowing Buffer, _ range: Range<Int>) throws(Errno) -> Transfer {
    try transfer(buffer, range, flags: linux_MSG_PEEK)
  }

  private func transfer(_ buffer: borrowing Buffer, _ range: Range<Int>, flags: Int32) throws(Errno) -> Transfer {
    let region = unsafe buffer.pointer(range)
    return try Self.outcome { unsafe recv(number, region, range.count, flags) }
  }

  /// The corresponding C function is `send` with `MSG_NOSIGNAL`.
  ///
  /// - Parameter more: with `MSG_MORE`: more bytes or the end of the stream follow at once and may share a segment.
  package func send(_ buffer: borrowing Buffer, _ range: Range<Int>, more: Bool = false) throws(Errno) -> Transfer {
    let region = unsafe buffer.pointer(range)
    let flags = more ? linux_MSG_NOSIGNAL | linux_MSG_MORE : linux_MSG_NOSIGNAL
    return try Self.outcome { unsafe CLinux.send(number, region, range.count, flags) }
  }

  /// Sends the bytes from `start` on. The corresponding C function is `send` with `MSG_NOSIGNAL`.
  package func send(_ bytes: [UInt8], from start: Int = 0) throws(Errno) -> Transfer {
    try Self.outcome {
      unsafe bytes.withUnsafeBytes {
        unsafe CLinux.send(number, $0.baseAddress! + start, $0.count - start, linux_MSG_NOSIGNAL)
      }
    }
  }

  /// Gives the process that receives at the other end of a Unix socket a descriptor of `passed`, with a message. The
  /// corresponding C function is `sendmsg` with `SCM_RIGHTS` (unix(7)).
  package func pass(_ passed: borrowing Socket, with message: [UInt8]) throws(Errno) {
    let number = number
    let passed = passed.number
    try call { unsafe message.withUnsafeBytes { unsafe linux_pass(number, $0.baseAddress, $0.count, passed) } }
  }

  /// The corresponding C function is `fcntl` with `F_SETFL`.
  package func setBlocking(_ isBlocking: Bool) throws(Errno) {
    let number = number
    try call { linux_fcntl(number, F_SETFL, isBlocking ? 0 : O_NONBLOCK) }
  }

  static func outcome(_ body: () -> Int) throws(Errno) -> Transfer {
    do throws(Errno) {
      let count = try call(body)
      return count == 0 ? .endOfStream : .moved(count)
    } catch .wouldBlock {
      return .wouldBlock
    }
  }

  /// Passes an end of stream on. The corresponding C function is `shutdown` with `SHUT_WR`.
  ///
  /// It fails only where the connection is gone, which the next read tells.
  package func shutdownWriting() { _ = shutdown(number, Int32(SHUT_WR)) }

  /// Lets a Unix peer's writes fail with `EPIPE`. The corresponding C function is `shutdown` with `SHUT_RD`.
  package func shutdownReading() { _ = shutdown(number, Int32(SHUT_RD)) }

  /// The error that the next call would have told, which takes it away (`SO_ERROR`, socket(7)).
  package func takeError() -> Errno? {
    guard let code = intOption(number, SOL_SOCKET, SO_ERROR), code != 0 else { return nil }
    return Errno(code)
  }

  /// Bytes sent that the peer has not acknowledged (TCP) or not read (Unix). The corresponding C function is `ioctl` with
  /// `SIOCOUTQ`.
  package var unacknowledged: Int {
    var count: Int32 = 0
    return unsafe linux_outq(number, &count) == 0 ? Int(count) : 0
  }

  /// Makes closing a TCP connection reset it (`SO_LINGER` of zero, socket(7)); throws away what is not yet acknowledged.
  package func resetOnClose() {
    let now = linger(l_onoff: 1, l_linger: 0)
    try? setOption(number, SOL_SOCKET, SO_LINGER, now)
  }

  /// Lets each peek go on where the last one ended, or from the start with nil (`SO_PEEK_OFF`, socket(7)).
  package func setPeekOffset(_ offset: Int?) throws(Errno) {
    try setOption(number, SOL_SOCKET, linux_SO_PEEK_OFF, Int32(offset ?? -1))
  }

  /// Lets the kernel hold at least this many bytes that the peer has not taken (`SO_SNDBUF`, socket(7)), or as many as it
  /// allows (`wmem_max`).
  package func widenSendBuffer(_ count: Int) {
    guard let present = intOption(number, SOL_SOCKET, SO_SNDBUF), present < count else { return }
    try? setOption(number, SOL_SOCKET, SO_SNDBUF, Int32(clamping: count))
  }

  /// True if the kernel paces a TCP connection with a timer of its own, as BBR does (`TCP_CONGESTION`, tcp(7)).
  package var isPaced: Bool {
    var name = InlineArray<16, UInt8>(repeating: 0)
    var length = socklen_t(name.count)
    var span = name.mutableSpan
    let result = unsafe span.withUnsafeMutableBytes {
      unsafe getsockopt(number, Int32(IPPROTO_TCP), TCP_CONGESTION, $0.baseAddress!, &length)
    }
    return result == 0 && name[0] == UInt8(ascii: "b") && name[1] == UInt8(ascii: "b") && name[2] == UInt8(ascii: "r")
  }

  /// Sends what waits for more of it (`TCP_NODELAY`, tcp(7)).
  package func push() { try? setOption(number, Int32(IPPROTO_TCP), TCP_NODELAY, Int32(1)) }

  /// Sets how many bytes make the socket readable (`SO_RCVLOWAT`, socket(7)).
  package func setReadableFrom(_ count: Int) throws(Errno) {
    try setOption(number, SOL_SOCKET, SO_RCVLOWAT, Int32(clamping: count))
  }

  /// The corresponding C function is `connect`.
  func connect(to address: SocketAddress) throws(Errno) {
    let number = number
    try call { unsafe address.withPointer { address, length in unsafe linux_connect(number, address, length) } }
  }

  /// The user whose process listens at the other end of a Unix socket (`SO_PEERCRED`, unix(7)); nil if that cannot be told.
  package var peerUser: UserID? {
    var credentials = ucred()
    var length = socklen_t(MemoryLayout<ucred>.size)
    guard unsafe getsockopt(number, SOL_SOCKET, SO_PEERCRED, &credentials, &length) == 0 else { return nil }
    return credentials.uid
  }

  /// The socket's own address.
  package var localEndpoint: Endpoint { get throws(Errno) { try SocketAddress(localOf: number).endpoint } }
}

/// What a stream socket is, where the kinds differ.
package enum StreamKind: Sendable {
  case tcp
  case unix
  /// One that a service manager passed, such as SCTP.
  case other
}

/// The corresponding C function is `setsockopt`.
func setOption<Value: BitwiseCopyable>(_ number: Int32, _ level: Int32, _ name: Int32, _ value: Value) throws(Errno) {
  var value = value
  _ = try call { unsafe setsockopt(number, level, name, &value, socklen_t(MemoryLayout<Value>.size)) }
}

/// The value of an option of type int; nil if the file is no socket. The corresponding C function is `getsockopt`.
func intOption(_ number: Int32, _ level: Int32, _ name: Int32) -> Int32? {
  var value: Int32 = 0
  var length = socklen_t(MemoryLayout<Int32>.size)
  return unsafe getsockopt(number, level, name, &value, &length) == 0 ? value : nil
}
