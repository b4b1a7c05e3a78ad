import Foundation

/// A Unix datagram socket of the test's own, for what programs tell the service manager or syslog.
final class DatagramSocket {
  let path: String
  private var descriptor: Int32

  init(_ name: String) throws {
    path = Scratch.current.file(name)
    descriptor = try Self.bound(path)
    Scratch.current.atEnd { close(self.descriptor) }
  }

  /// As a receiver that is started again: whoever had connected to it has to do so anew.
  func restart() throws {
    guard unsafe unlink(path) == 0 else { throw Failure("cannot remove \(path): \(lastError)") }
    let new = try Self.bound(path)
    close(descriptor)
    descriptor = new
  }

  private static func bound(_ path: String) throws -> Int32 {
    let descriptor = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0, try Address.unix(path).bind(descriptor) == 0 else {
      throw Failure("no datagram socket at \(path): \(lastError)")
    }
    return descriptor
  }

  /// As a receiver that ends.
  func stop() {
    close(descriptor)
    descriptor = -1
  }

  /// Sends to itself until it takes no more.
  func fill() throws {
    let sender = socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
    defer { close(sender) }
    guard sender >= 0, try Address.unix(path).connect(sender) == 0 else {
      throw Failure("cannot connect to \(path): \(lastError)")
    }
    while unsafe send(sender, "full", 4, 0) == 4 {}
  }

  /// The next message, if one comes in time.
  func receive(within seconds: Double) -> String? {
    receiveBytes(within: seconds).map { String(decoding: $0, as: UTF8.self) }
  }

  func receiveBytes(within seconds: Double) -> [UInt8]? {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let alarm = Alarm(in: seconds)
    repeat {
      if unsafe poll(&entry, 1, alarm.milliseconds) > 0 {
        return unsafe [UInt8](unsafeUninitializedCapacity: 65536) { buffer, count in
          count = max(0, unsafe recv(descriptor, buffer.baseAddress, 65536, 0))
        }
      }
    } while alarm.remaining > 0
    return nil
  }

  /// Everything up to the first message with the text, that one included.
  @discardableResult
  func receive(until text: String) throws -> [String] {
    let alarm = Alarm(in: patience)
    var messages: [String] = []
    while let message = receive(within: alarm.remaining) {
      messages.append(message)
      if message.contains(text) { return messages }
    }
    throw Failure("waited \(patience) s in vain for \(text), got: \(messages)")
  }
}
