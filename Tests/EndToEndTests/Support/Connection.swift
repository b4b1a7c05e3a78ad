import Foundation

/// One end of a stream: a client's, or a backend's. Nothing waits longer than `patience`; a wait in vain fails the test.
final class Connection: @unchecked Sendable {
  enum Ending: Equatable { case finished, reset }

  private(set) var descriptor: Int32

  /// A client.
  convenience init(to address: Address) throws {
    let descriptor = socket(address.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure("no socket: \(lastError)") }
    let result = try address.connect(descriptor)
    guard result == 0 else {
      let failure = Failure("cannot connect to \(address): \(lastError)")
      Glibc.close(descriptor)
      throw failure
    }
    self.init(owning: descriptor)
    Scratch.current.atEnd { self.close() }
  }

  init(owning descriptor: Int32) {
    self.descriptor = descriptor
    _ = fcntl(descriptor, F_SETFL, fcntl(descriptor, F_GETFL, 0) | O_NONBLOCK)
  }

  var port: UInt16 { get throws { try localPort(descriptor) } }

  // MARK: Sending

  func send(_ bytes: [UInt8]) throws {
    var rest = bytes[...]
    while !rest.isEmpty {
      if let sent = try sendSome(rest) { rest = rest.dropFirst(sent) } else { try wait(POLLOUT, "room to send") }
    }
  }

  func send(_ text: String) throws { try send(Array(text.utf8)) }

  /// Sends each byte in a segment of its own.
  func sendByteByByte(_ bytes: [UInt8]) throws {
    var on: Int32 = 1
    _ = unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    for byte in bytes { try send([byte]) }
  }

  /// Sends what there is room for; nil where there is none.
  func sendSome(_ bytes: ArraySlice<UInt8>) throws -> Int? {
    let sent = unsafe bytes.withUnsafeBytes { buffer in
      unsafe Glibc.send(descriptor, buffer.baseAddress, buffer.count, Int32(MSG_NOSIGNAL))
    }
    if sent >= 0 { return sent }
    guard errno == EAGAIN else { throw Failure("cannot send: \(lastError)") }
    return nil
  }

  /// Sends no more, and goes on receiving.
  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  // MARK: Receiving

  enum Received: Equatable {
    case bytes([UInt8])
    case ended(Ending)
  }

  /// What there is, at most `limit` bytes; nil where nothing has arrived.
  func receiveSome(_ limit: Int = 65536) throws -> Received? {
    var failure: Int32 = 0
    var ended = false
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: limit) { buffer, count in
      let received = unsafe recv(descriptor, buffer.baseAddress, limit, 0)
      count = max(0, received)
      ended = received == 0
      failure = received < 0 ? errno : 0
    }
    switch failure {
    case 0: return ended ? .ended(.finished) : .bytes(bytes)
    case EAGAIN: return nil
    case ECONNRESET: return .ended(.reset)
    default: throw Failure("cannot receive: \(unsafe String(cString: strerror(failure)))")
    }
  }

  /// What arrives next, at most `limit` bytes, or the end.
  func awaitSome(_ limit: Int = 65536) throws -> Received {
    while true {
      if let received = try receiveSome(limit) { return received }
      try wait(POLLIN, "something to receive")
    }
  }

  /// Exactly as many bytes.
  func receive(_ count: Int) throws -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      switch try awaitSome(min(count - bytes.count, 1 << 20)) {
      case .bytes(let more): bytes += more
      case .ended(let end): throw Failure("\(end) after \(bytes.count) of \(count) bytes")
      }
    }
    return bytes
  }

  /// Everything until the stream ends, and how it ended.
  func receiveAll() throws -> (bytes: [UInt8], ending: Ending) {
    var bytes: [UInt8] = []
    while true {
      switch try awaitSome(1 << 20) {
      case .bytes(let more): bytes += more
      case .ended(let end): return (bytes, end)
      }
    }
  }

  /// Waits for the end of a stream that brings nothing more.
  func expectEnd(_ expected: Ending = .finished) throws {
    let (bytes, end) = try receiveAll()
    guard bytes.isEmpty && end == expected else {
      throw Failure("expected the stream \(expected), got \(bytes.count) bytes, then \(end): \(bytes.prefix(64))")
    }
  }

  /// The fatal alert, which must be all that arrives; nil where the stream ends without one.
  func receiveAlert() throws -> UInt8? {
    let (bytes, end) = try receiveAll()
    if bytes.isEmpty { return nil }
    guard bytes.count == 7, bytes.starts(with: [21, 3, 3, 0, 2, 2]), end == .finished else {
      throw Failure("expected one fatal alert, got \(bytes.count) bytes, then \(end): \(bytes.prefix(64))")
    }
    return bytes[6]
  }

  // MARK: Ending

  func close() {
    guard descriptor >= 0 else { return }
    Glibc.close(descriptor)
    descriptor = -1
  }

  /// Closes a TCP connection with a reset.
  func reset() {
    var now = linger(l_onoff: 1, l_linger: 0)
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
    close()
  }

  /// Makes every wait at this end, and every thread in one, come to an end.
  func hangUp() { shutdown(descriptor, Int32(SHUT_RDWR)) }

  private func wait(_ events: Int32, _ what: @autoclosure () -> String) throws {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    let alarm = Alarm(in: patience)
    while unsafe poll(&entry, 1, alarm.milliseconds) <= 0 {
      guard alarm.remaining > 0 else { throw Failure("waited \(patience) s in vain for \(what())") }
    }
  }
}
