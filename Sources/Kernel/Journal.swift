import CLinux
import Glibc

/// The journal of systemd, told in fields by its native protocol (https://systemd.io/JOURNAL_NATIVE_PROTOCOL).
///
/// Not with sd_journal_sendv(3): that opens its socket with the first entry, when the lock is on, and gives the receiver's
/// address with each, where no filter of system calls can see it. This socket is connected at once and for good, and an entry
/// takes a call that the relay makes too.
package struct Journal: ~Copyable, Sendable {
  private let socket: Descriptor

  /// The corresponding C functions are `socket` and `connect`.
  ///
  /// - Parameter path: of the journal's datagram socket.
  package init(path: String = "/run/systemd/journal/socket") throws(Errno) {
    guard let address = SocketAddress(path: Array(path.utf8)) else { throw .nameTooLong }
    let socket = Descriptor(owning: try call { Glibc.socket(AF_UNIX, linux_SOCK_DGRAM | linux_SOCK_CLOEXEC, 0) })
    let number = socket.number
    try call { unsafe address.withPointer { address, length in unsafe linux_connect(number, address, length) } }
    self.socket = socket
  }

  /// Waits for as long as the journal has no room. The corresponding C function is `send` with `MSG_NOSIGNAL`.
  ///
  /// - Throws: `EMSGSIZE` for an entry of some 200 KB or more; what the kernel says of a journal that is gone.
  package func write(_ entry: Entry) throws(Errno) {
    let number = socket.number
    _ = try call {
      unsafe entry.bytes.withUnsafeBytes { unsafe send(number, $0.baseAddress!, $0.count, linux_MSG_NOSIGNAL) }
    }
  }

  /// Fields of one entry, as they go over the socket. A name may come more than once.
  package struct Entry: Sendable {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// - Parameter name: of `A-Z`, digits and `_`, not beginning with `_` or a digit, 64 bytes at the most.
    package mutating func add(_ name: String, _ value: some Collection<UInt8>) {
      bytes += name.utf8
      // Only with its length before it a value can hold the end of a field.
      if value.contains(UInt8(ascii: "\n")) {
        bytes.append(UInt8(ascii: "\n"))
        for shift in stride(from: 0, to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value.count >> shift)) }
      } else {
        bytes.append(UInt8(ascii: "="))
      }
      bytes += value
      bytes.append(UInt8(ascii: "\n"))
    }

    package mutating func add(_ name: String, _ value: String) { add(name, value.utf8) }
  }
}
