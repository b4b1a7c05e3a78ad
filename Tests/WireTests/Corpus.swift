import Foundation

/// A file of the corpus: what a client sent. The folder's name is the expected verdict.
struct CorpusFile: Sendable, CustomStringConvertible {
  let verdict: String
  let name: String
  let bytes: [UInt8]

  var description: String { "\(verdict)/\(name)" }
}

enum Corpus {
  static let verdicts = [
    "hello", "incomplete", "unexpected_message", "record_overflow", "illegal_parameter", "decode_error",
    "missing_extension", "unrecognized_name",
  ]

  static let files = verdicts.flatMap { verdict in
    let folder = root.appending(path: verdict)
    return contents(folder).map { name in
      CorpusFile(verdict: verdict, name: name, bytes: bytes(folder.appending(path: name)))
    }
  }

  /// ClientHellos that are valid, whatever their server name is.
  static let valid = files.filter { ["hello", "missing_extension", "unrecognized_name"].contains($0.verdict) }
  static let hellos = files.filter { $0.verdict == "hello" }
  static let smallHellos = hellos.filter { $0.bytes.count < 4096 }

  /// A line of `hellos.tsv`: what is in a file of `hello`.
  struct Line: Sendable {
    let name: String
    let serverName: String
    let protocols: [String]
  }

  static let lines = String(decoding: bytes(root.appending(path: "hellos.tsv")), as: UTF8.self)
    .split(separator: "\n").map { line in
      let fields = line.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
      return Line(name: fields[0], serverName: fields[1], protocols: fields[2].split(separator: ",").map(String.init))
    }

  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Corpus/clienthello")

  private static func contents(_ folder: URL) -> [String] {
    let names = try? FileManager.default.contentsOfDirectory(atPath: folder.path)
    return (names ?? []).filter { $0.hasSuffix(".bin") }.sorted()
  }

  private static func bytes(_ file: URL) -> [UInt8] { (try? Data(contentsOf: file)).map(Array.init) ?? [] }
}
