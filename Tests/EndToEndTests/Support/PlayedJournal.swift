import Foundation

/// The test in the place of the journal: its socket is at /run/systemd/journal/socket for programs that `launcher` starts, whose
/// standard error the journal is said to be. Only root can.
struct PlayedJournal {
  let socket: DatagramSocket
  /// Becomes the program whose path and arguments follow.
  let launcher: [String]

  init() throws {
    socket = try DatagramSocket("journal")
    let script = """
      set -e
      mount -t tmpfs tmpfs /run
      mkdir -p /run/systemd/journal
      ln -s "$0" /run/systemd/journal/socket
      export JOURNAL_STREAM="$(stat --dereference --format %d:%i /dev/fd/2)"
      exec "$@"
      """
    launcher = ["unshare", "--mount", "sh", "-c", script, socket.path]
  }

  /// An entry: its fields in their order, as the native protocol has them.
  typealias Entry = [(name: String, value: [UInt8])]

  /// The next entry.
  func receive() throws -> Entry {
    guard let bytes = socket.receiveBytes(within: patience) else { throw Failure("nothing came for the journal") }
    return try Self.parse(bytes)
  }

  static func parse(_ bytes: [UInt8]) throws -> Entry {
    var entry: Entry = []
    var rest = bytes[...]
    while !rest.isEmpty {
      let name = rest.prefix { $0 != UInt8(ascii: "=") && $0 != UInt8(ascii: "\n") }
      rest = rest.dropFirst(name.count)
      let value: ArraySlice<UInt8>
      if rest.popFirst() == UInt8(ascii: "=") {
        value = rest.prefix { $0 != UInt8(ascii: "\n") }
      } else {
        let length = rest.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        value = rest.dropFirst(8).prefix(length)
        guard value.count == length else { throw Failure("a value that ends early: \(name)") }
        rest = rest.dropFirst(8)
      }
      rest = rest.dropFirst(value.count)
      guard rest.popFirst() == UInt8(ascii: "\n") else { throw Failure("no end of \(name)") }
      entry.append((String(decoding: name, as: UTF8.self), Array(value)))
    }
    return entry
  }
}

extension PlayedJournal.Entry {
  /// All values of the field.
  subscript(name: String) -> [String] {
    filter { $0.name == name }.map { String(decoding: $0.value, as: UTF8.self) }
  }

  /// Names that come more than once.
  var repeated: Set<String> { Set(map(\.name).filter { name in count { $0.name == name } > 1 }) }
}
