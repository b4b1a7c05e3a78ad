import Foundation
import Synchronization

/// A listening socket to which sniproxy hands its clients over: `tls-handoff` in a host directory.
final class Receiver: @unchecked Sendable {
  let path: String
  private var descriptor: Int32
  private let isEnded = Atomic(false)
  private let accepting = DispatchGroup()

  /// - Parameter directory: a host directory with a short path
  init(in directory: String, backlog: Int32 = 1024) throws {
    path = "\(directory)/tls-handoff"
    descriptor = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure("no socket: \(lastError)") }
    guard try Address.unix(path).bind(descriptor) == 0, listen(descriptor, backlog) == 0 else {
      throw Failure("cannot listen on \(path): \(lastError)")
    }
    Scratch.current.atEnd { self.close() }
  }

  /// The next connection of sniproxy's, whose message is still to be received.
  func accept() throws -> Delivery {
    let delivery = Delivery(owning: try acceptDescriptor())
    Scratch.current.atEnd { delivery.close() }
    return delivery
  }

  private func acceptDescriptor() throws -> Int32 {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let alarm = Alarm(in: patience)
    while unsafe poll(&entry, 1, alarm.milliseconds) <= 0 {
      guard alarm.remaining > 0 else { throw Failure("waited \(patience) s in vain for a hand-off to \(path)") }
    }
    let accepted = Glibc.accept(descriptor, nil, nil)
    guard accepted >= 0 else { throw Failure("cannot accept from \(path): \(lastError)") }
    return accepted
  }

  /// How many connections wait to be accepted.
  var queued: Int {
    get throws {
      let lines = try run("ss", "--no-header", "--unix", "--listening", "src", path).output.split(separator: "\n")
      guard lines.count == 1, let count = Int(lines[0].split(separator: " ")[2]) else { throw Failure("\(lines)") }
      return count
    }
  }

  /// The next client, once sniproxy's connection is closed at this end.
  func take() throws -> HandedOver {
    let client = try takeUnattended()
    Scratch.current.atEnd { client.connection.close() }
    return client
  }

  private func takeUnattended() throws -> HandedOver {
    let delivery = Delivery(owning: try acceptDescriptor())
    defer { delivery.close() }
    return try delivery.receiveUnattended()
  }

  /// Takes every client that comes, and serves each in a thread of its own, until it is closed. A connection without a client
  /// is none.
  func serve(_ session: @escaping @Sendable (HandedOver) throws -> Void) {
    let threads = DispatchGroup()
    Scratch.current.atEnd { threads.wait() }
    Scratch.current.start(in: accepting) { [self] in
      while !isEnded.load(ordering: .acquiring) {
        guard let client = try? takeUnattended() else { continue }
        Scratch.current.start(in: threads) {
          defer { client.connection.close() }
          try? session(client)
        }
      }
    }
    Scratch.current.atEnd { self.close() }
  }

  func close() {
    guard descriptor >= 0 else { return }
    isEnded.store(true, ordering: .releasing)
    shutdown(descriptor, Int32(SHUT_RDWR))
    accepting.wait()
    Glibc.close(descriptor)
    descriptor = -1
  }
}

/// A connection of sniproxy's to a receiver.
final class Delivery: @unchecked Sendable {
  private var descriptor: Int32

  fileprivate init(owning descriptor: Int32) { self.descriptor = descriptor }

  /// Its one message.
  func receive() throws -> HandedOver {
    let client = try receiveUnattended()
    Scratch.current.atEnd { client.connection.close() }
    return client
  }

  /// The same; the caller closes the client.
  fileprivate func receiveUnattended() throws -> HandedOver {
    var message = [UInt8](repeating: 0, count: 4096)
    var client: Int32 = -1
    // A header of 16 bytes, and room for two descriptors.
    var control = [UInt64](repeating: 0, count: 3)
    var flags: Int32 = 0
    let count = unsafe message.withUnsafeMutableBytes { bytes in
      unsafe control.withUnsafeMutableBytes { room in
        var region = unsafe iovec(iov_base: bytes.baseAddress, iov_len: bytes.count)
        return unsafe withUnsafeMutablePointer(to: &region) { region in
          var header = unsafe msghdr()
          unsafe header.msg_iov = region
          unsafe header.msg_iovlen = 1
          unsafe header.msg_control = room.baseAddress
          unsafe header.msg_controllen = room.count
          let count = unsafe recvmsg(descriptor, &header, Int32(MSG_CMSG_CLOEXEC))
          flags = unsafe header.msg_flags
          return count
        }
      }
    }
    guard count >= 0 else { throw Failure("no message: \(lastError)") }
    guard control[0] == 20, control[1] == UInt64(SCM_RIGHTS) << 32 | UInt64(UInt32(SOL_SOCKET)) else {
      throw Failure("not one descriptor came with the message of \(count) bytes: \(control)")
    }
    client = Int32(truncatingIfNeeded: control[2])
    guard flags & Int32(MSG_TRUNC | MSG_CTRUNC) == 0 else { throw Failure("the message was cut") }
    let isBlocking = fcntl(client, F_GETFL, 0) & O_NONBLOCK == 0
    return HandedOver(
      connection: Connection(owning: client), message: Array(message.prefix(count)), wasBlocking: isBlocking)
  }

  /// Waits until the message is there, and leaves it.
  func awaitMessage() throws {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    guard unsafe poll(&entry, 1, Int32(patience * 1000)) == 1 else { throw Failure("no message came") }
  }

  func shutDown() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  /// Sends messages until there is no room for more, and gives their number.
  func fill() throws -> Int {
    let message = [UInt8](repeating: 0x16, count: 1000)
    var count = 0
    while unsafe send(descriptor, message, message.count, Int32(MSG_DONTWAIT | MSG_NOSIGNAL)) > 0 {
      count += 1
    }
    guard errno == EAGAIN else { throw Failure("cannot send: \(lastError)") }
    return count
  }

  /// Expects that nothing more comes.
  func expectEnd() throws {
    var byte: UInt8 = 0
    let count = unsafe recv(descriptor, &byte, 1, 0)
    guard count == 0 else { throw Failure("there is more: \(count), \(lastError)") }
  }

  func close() {
    guard descriptor >= 0 else { return }
    Glibc.close(descriptor)
    descriptor = -1
  }
}

/// A client that was handed over.
struct HandedOver {
  let connection: Connection
  let message: [UInt8]
  let wasBlocking: Bool

  func option(_ level: Int32, _ name: Int32) throws -> Int32 {
    var value: Int32 = -1
    var length = socklen_t(MemoryLayout<Int32>.size)
    guard unsafe getsockopt(connection.descriptor, level, name, &value, &length) == 0 else {
      throw Failure("no option \(name): \(lastError)")
    }
    return value
  }
}
