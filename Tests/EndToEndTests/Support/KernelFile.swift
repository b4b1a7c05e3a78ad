import Foundation

/// The text of a file in /proc, to its end.
///
/// The kernel gives it in parts of a page, and what reads a whole file at once in Foundation takes the first short one for the
/// last.
func kernelFile(_ path: String) throws -> String {
  let file = try FileHandle(forReadingFrom: URL(filePath: path))
  return String(decoding: try file.readToEnd() ?? Data(), as: UTF8.self)
}
