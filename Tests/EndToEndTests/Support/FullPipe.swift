import Foundation

/// A pipe that is full, as standard error is when nobody reads it.
final class FullPipe {
  private let pipe = Pipe()

  var writeEnd: Int32 { pipe.fileHandleForWriting.fileDescriptor }

  init() throws {
    for descriptor in [readEnd, writeEnd] { _ = fcntl(descriptor, F_SETFL, O_NONBLOCK) }
    let page = [UInt8](repeating: UInt8(ascii: "\n"), count: 4096)
    while unsafe write(writeEnd, page, page.count) > 0 {}
    guard errno == EAGAIN else { throw Failure("cannot fill a pipe: \(lastError)") }
    // Whoever gets this end writes as if it were any pipe.
    _ = fcntl(writeEnd, F_SETFL, 0)
  }

  /// What is in it now, without the filling.
  func drain() throws -> String {
    var bytes = [UInt8](repeating: 0, count: 65536)
    var text = ""
    while true {
      let count = unsafe read(readEnd, &bytes, bytes.count)
      guard count > 0 else { break }
      text += String(decoding: bytes[..<count], as: UTF8.self)
    }
    return text.trimmingCharacters(in: .newlines)
  }

  private var readEnd: Int32 { pipe.fileHandleForReading.fileDescriptor }
}
