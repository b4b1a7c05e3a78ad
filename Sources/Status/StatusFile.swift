package import Kernel

/// Reads a status file, of a program that runs, has ended, or has died.
///
/// It is copied and not mapped, so that one that is cut short meanwhile is an error and not the end of the reader.
package enum StatusFile {
  package static func read(_ path: String) throws(Flaw) -> Snapshot {
    let bytes: [UInt8]
    let isAlive: Bool
    do throws(Errno) {
      let file = try OpenFile(path: path)
      bytes = try file.isRegular ? file.bytes(most: longest) : []
      isAlive = try file.hasLifeSign(lifeSign(bytes))
    } catch {
      throw .unreadable(error)
    }
    return try parse(bytes, isAlive: isAlive)
  }

  /// Why a file tells nothing.
  package enum Flaw: Error, Equatable {
    case unreadable(Errno)
    /// It does not begin as one.
    case notStatusFile
    /// Another version of the programs wrote it.
    case otherVersion(UInt64)
    /// It has fewer or more bytes than it should.
    case wrongLength(Int, expected: Int)
    /// Something in it has no meaning.
    case damaged
  }

  static func parse(_ bytes: [UInt8], isAlive: Bool) throws(Flaw) -> Snapshot {
    guard bytes.starts(with: Layout.magic) else { throw .notStatusFile }
    let words = words(bytes)
    guard words.count > Layout.Header.version else {
      throw .wrongLength(bytes.count, expected: Layout.Header.count * 8)
    }
    guard words[Layout.Header.version] == Layout.version else { throw .otherVersion(words[Layout.Header.version]) }
    guard words.count >= Layout.Header.count else {
      throw .wrongLength(bytes.count, expected: Layout.Header.count * 8)
    }
    guard let workers = Int(exactly: words[Layout.Header.workers]), (1...Layout.mostWorkers).contains(workers),
      words[Layout.Header.length] == UInt64(Layout.count(workers: workers) * 8)
    else { throw .damaged }
    let expected = Layout.count(workers: workers) * 8
    guard bytes.count == expected else { throw .wrongLength(bytes.count, expected: expected) }
    guard let snapshot = Snapshot(words, isAlive: isAlive) else { throw .damaged }
    return snapshot
  }

  /// What the header tells; nil where it is none of this version.
  static func author(of file: borrowing OpenFile) throws(Errno) -> Author? {
    let bytes = try file.bytes(most: Layout.Header.count * 8)
    let header = words(bytes)
    guard bytes.starts(with: Layout.magic), header.count == Layout.Header.count,
      header[Layout.Header.version] == Layout.version,
      let process = Int32(exactly: header[Layout.Header.process]),
      let state = ProgramState(rawValue: header[Layout.Header.state])
    else { return nil }
    return Author(process: process, state: state, isAlive: try file.hasLifeSign(lifeSign(bytes)))
  }

  private static func lifeSign(_ bytes: [UInt8]) -> LifeSign.Kind {
    let header = words(Array(bytes.prefix(Layout.Header.count * 8)))
    return header.count > Layout.Header.isExclusive && header[Layout.Header.isExclusive] == 1 ? .exclusive : .shared
  }

  private static func words(_ bytes: [UInt8]) -> [UInt64] {
    (0..<bytes.count / 8).map { word in
      UInt64(littleEndian: (0..<8).reduce(0) { $0 | UInt64(bytes[word * 8 + $1]) << UInt64(8 * $1) })
    }
  }

  /// One byte more than any has.
  fileprivate static let longest = Layout.count(workers: Layout.mostWorkers) * 8 + 1
}

/// Whose a status file is.
package struct Author: Equatable, Sendable {
  /// As it sees itself.
  package let process: Int32
  package let state: ProgramState
  package let isAlive: Bool
}

extension StatusFile.Flaw: CustomStringConvertible {
  /// Why, and what to do.
  package var description: String {
    switch self {
    case .unreadable(.noSuchFileOrDirectory):
      "there is no such file: start sniproxy with --status, or name the file that it has there (a socket unit starts it with "
        + "the first client)"
    case .unreadable(let error): "\(error)"
    case .notStatusFile: "it is no status file: name the one that sniproxy has as --status"
    case .otherVersion(let version):
      "it has layout \(version), and this program reads layout \(Layout.version): restart sniproxy, so that both are of one version"
    case .wrongLength(let length, let expected):
      "it has \(length < StatusFile.longest ? "" : "at least ")\(length) bytes instead of \(expected): it was cut, or is not one "
        + "status file"
    case .damaged: "it is damaged: restart sniproxy, which makes a new one"
    }
  }
}
