import CBench
import Foundation
import Load

/// How a session ended that did not go to its end.
enum Ending: Error, Equatable, CustomStringConvertible {
  /// The other side ended the stream, or reset it.
  case ended
  case reset
  /// The same, before a single byte came from there.
  case unheard
  /// One fatal alert, and nothing before it.
  case refused(alert: UInt8)
  /// Nothing moved for the patience of the run.
  case stalled
  /// Bytes that nobody sent. Never allowed.
  case wrong(String)
  case failed(String)

  var description: String {
    switch self {
    case .ended: "the stream ended early"
    case .reset: "the connection was reset"
    case .unheard: "the connection was closed without a word"
    case .refused(let alert): "refused with alert \(alert)"
    case .stalled: "nothing moved for \(Stream.patience / 1000) seconds"
    case .wrong(let what): "wrong bytes: \(what)"
    case .failed(let what): what
    }
  }
}

/// One end of a connection, whose content is checked byte by byte. It belongs to one thread.
final class Stream {
  let descriptor: Int32
  /// The first bytes that came, as many as an alert has and one more.
  private var beginning: [UInt8] = []
  private let buffer = UnsafeMutableRawPointer.allocate(byteCount: Stream.bufferSize, alignment: 64)

  init(owning descriptor: Int32) { self.descriptor = descriptor }

  deinit {
    close(descriptor)
    buffer.deallocate()
  }

  /// Sends and receives at once, until both are done.
  ///
  /// - Parameters:
  ///   - halfClosing: ends the stream as soon as all is sent
  ///   - pause: microseconds of rest after each piece that is received
  ///   - piece: how much is received at a time
  func exchange(
    sending: Content? = nil, receiving: Content? = nil, halfClosing: Bool = false, pause: UInt32 = 0,
    piece: Int = Stream.bufferSize
  ) throws(Ending) {
    let (toSend, toReceive) = (sending?.count ?? 0, receiving?.count ?? 0)
    var (sent, received): (UInt64, UInt64) = (0, 0)
    var isClosed = !halfClosing
    while true {
      if sent == toSend, !isClosed {
        finishSending()
        isClosed = true
      }
      if sent == toSend, received == toReceive { return }
      var events: Int32 = 0
      if sent < toSend { events |= POLLOUT }
      if received < toReceive { events |= POLLIN }
      let ready = try wait(events)
      if received < toReceive, ready & ~POLLOUT != 0 {
        let count = try receiveSome(min(piece, Int(min(toReceive - received, UInt64(Self.bufferSize)))))
        if count > 0 {
          try compare(count, receiving!.start &+ received)
          received += UInt64(count)
          if pause > 0 { usleep(pause) }
        }
      }
      if sent < toSend, ready & ~POLLIN != 0 {
        let count = Int(min(toSend - sent, UInt64(Pattern.chunk)))
        sent += UInt64(try sendSome(Pattern.at(sending!.start &+ sent), count))
      }
    }
  }

  func send(_ bytes: [UInt8]) throws(Ending) {
    var sent = 0
    while sent < bytes.count {
      _ = try wait(POLLOUT)
      sent += try sendSome(bytes, from: sent)
    }
  }

  /// Exactly so many bytes.
  func receive(_ count: Int) throws(Ending) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < count {
      _ = try wait(POLLIN)
      let more = try receiveSome(min(count - bytes.count, Self.bufferSize))
      bytes += UnsafeRawBufferPointer(start: buffer, count: more)
    }
    return bytes
  }

  /// Waits for the end of the stream, before which nothing may come.
  func expectEnd() throws(Ending) {
    while true {
      _ = try wait(POLLIN)
      do throws(Ending) {
        let count = try receiveSome(Self.bufferSize)
        if count > 0 { throw .wrong("\(count) bytes after the last one") }
      } catch .ended {
        return
      }
    }
  }

  /// All that comes to the end of the stream, which may be a reset; no more than a few bytes.
  func lastWords() throws(Ending) -> [UInt8] {
    var bytes: [UInt8] = []
    while bytes.count < 64 {
      _ = try wait(POLLIN)
      do throws(Ending) {
        let count = try receiveSome(64)
        bytes += UnsafeRawBufferPointer(start: buffer, count: count)
      } catch .ended {
        break
      } catch .reset {
        break
      }
    }
    return bytes
  }

  /// The same ending, or what all that ever came says: an alert, or nothing.
  func judged(_ ending: Ending) -> Ending {
    if ending == .stalled { return ending }
    if beginning.count < 7 { _ = try? lastWords() }
    if let alert = Self.alert(in: beginning) { return .refused(alert: alert) }
    return beginning.isEmpty && (ending == .ended || ending == .reset) ? .unheard : ending
  }

  func finishSending() { shutdown(descriptor, Int32(SHUT_WR)) }

  /// Makes that closing it is a reset.
  func closeWithReset() {
    var now = linger(l_onoff: 1, l_linger: 0)
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &now, socklen_t(MemoryLayout<linger>.size))
  }

  /// Milliseconds in which something has to move.
  static let patience: Int32 = 40_000

  static func alert(in bytes: [UInt8]) -> UInt8? {
    bytes.count == 7 && bytes.starts(with: [21, 3, 3, 0, 2, 2]) ? bytes[6] : nil
  }

  /// Waits for one of the events; the others that are set are of errors and the end.
  func wait(_ events: Int32, milliseconds: Int32 = Stream.patience) throws(Ending) -> Int32 {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    let end = now() + UInt64(milliseconds) * 1_000_000
    while true {
      let left = Int64(end) - Int64(now())
      let count = poll(&entry, 1, Int32(max(0, left / 1_000_000)))
      if count > 0 { return Int32(entry.revents) }
      if count == 0 || left <= 0 { throw .stalled }
    }
  }

  private func receiveSome(_ count: Int) throws(Ending) -> Int {
    let received = recv(descriptor, buffer, count, 0)
    if received > 0 {
      beginning += UnsafeRawBufferPointer(start: buffer, count: min(received, 8 - beginning.count))
      return received
    }
    if received == 0 { throw .ended }
    switch errno {
    case EAGAIN, EINTR: return 0
    case ECONNRESET, EPIPE: throw .reset
    default: throw .failed("recv: \(String(cString: strerror(errno)))")
    }
  }

  private func sendSome(_ bytes: [UInt8], from start: Int) throws(Ending) -> Int {
    try taken(
      bytes.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress! + start, $0.count - start, bench_MSG_NOSIGNAL)
      })
  }

  private func sendSome(_ bytes: UnsafeRawPointer, _ count: Int) throws(Ending) -> Int {
    try taken(Glibc.send(descriptor, bytes, count, bench_MSG_NOSIGNAL))
  }

  /// What a sending call has just returned, as a count.
  private func taken(_ sent: Int) throws(Ending) -> Int {
    if sent >= 0 { return sent }
    switch errno {
    case EAGAIN, EINTR: return 0
    case ECONNRESET, EPIPE: throw .reset
    default: throw .failed("send: \(String(cString: strerror(errno)))")
    }
  }

  private func compare(_ count: Int, _ offset: UInt64) throws(Ending) {
    guard memcmp(buffer, Pattern.at(offset), count) != 0 else { return }
    let bytes = Array(UnsafeRawBufferPointer(start: buffer, count: min(count, 16)))
    throw .wrong("\(count) bytes at \(offset), which begin with \(bytes)")
  }

  static let bufferSize = 64 * 1024
}
