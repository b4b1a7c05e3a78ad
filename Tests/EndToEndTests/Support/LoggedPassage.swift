import Foundation

/// sniproxy whose log goes where the test says, in front of a backend that answers; the listening socket is its standard
/// input, so that nobody needs its log to find it.
struct LoggedPassage {
  let proxy: Proxy
  private let address: Address

  init(log: Child.Source, options: [String] = [], launcher: [String] = []) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("test.test").answer("answer")
    let listener = try Listener(.ip4(0))
    address = listener.address
    proxy = try Proxy(
      hosts, options: options, listen: [], descriptors: [0: .descriptor(listener.descriptor), 2: log],
      launcher: launcher)
    // From here on only sniproxy has it.
    listener.close()
  }

  /// Expects that so many clients are served, one after the other.
  func serve(_ count: Int) throws {
    for _ in 0..<count {
      let client = try connect(Passage.hello.bytes)
      defer { client.close() }
      let received = try client.receiveAll()
      guard received == (Array("answer".utf8), .finished) else { throw Failure("not served: \(received)") }
    }
  }

  /// Expects that so many clients are refused, one after the other.
  func refuse(_ count: Int, _ bytes: [UInt8], alert: UInt8) throws {
    for _ in 0..<count {
      let client = try connect(bytes)
      defer { client.close() }
      let received = try client.receiveAlert()
      guard received == alert else { throw Failure("not refused: \(received ?? 0)") }
    }
  }

  private func connect(_ bytes: [UInt8]) throws -> Connection {
    let client = try Connection(unattended: address)
    do { try client.send(bytes) } catch {
      client.close()
      throw error
    }
    return client
  }
}

/// A pipe, to be somebody's standard error.
final class LogPipe {
  private(set) var writer: Int32
  private var reader: Int32
  private var collected: [UInt8] = []

  init() throws {
    let path = Scratch.current.file("pipe")
    guard unsafe mkfifo(path, 0o600) == 0 else { throw Failure("no pipe: \(lastError)") }
    reader = unsafe open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
    writer = unsafe open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)
    Scratch.current.atEnd {
      self.closeWriter()
      self.closeReader()
    }
  }

  /// Leaves no room in it.
  func fill() {
    let filler = [UInt8](repeating: UInt8(ascii: "."), count: 4095) + [UInt8(ascii: "\n")]
    while unsafe write(writer, filler, filler.count) > 0 {}
    while unsafe write(writer, [UInt8(ascii: "\n")], 1) > 0 {}
    // As it would be given to a program: the flag belongs to the open file.
    _ = fcntl(writer, F_SETFL, fcntl(writer, F_GETFL, 0) & ~O_NONBLOCK)
  }

  /// The program that got a copy is the only one to write then.
  func closeWriter() {
    if writer >= 0 { Glibc.close(writer) }
    writer = -1
  }

  func closeReader() {
    if reader >= 0 { Glibc.close(reader) }
    reader = -1
  }

  /// The whole lines that have come so far, without what filled it.
  func lines() throws -> [String] {
    var buffer = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = unsafe read(reader, &buffer, buffer.count)
      guard count > 0 else { break }
      collected += buffer.prefix(count)
    }
    return String(decoding: collected, as: UTF8.self).split(separator: "\n").map(String.init)
      .filter { !$0.hasPrefix(".") }
  }
}

/// The number before the words in the lines that have them, or that have "line" for "lines", all added up.
func total(_ lines: [String], _ words: String) -> Int {
  lines.reduce(0) { sum, line in
    let either = [words, words.replacing("lines", with: "line")]
    guard let end = either.compactMap({ line.range(of: " \($0)") }).first?.lowerBound else { return sum }
    return sum + (Int(line[..<end].split(separator: " ").last ?? "") ?? 0)
  }
}
