import Glibc
import WrittenNames

/// The arguments as the process got them. As text, what is not UTF-8 is repaired, so the bytes are kept beside it.
struct Arguments {
  private(set) var texts: [String] = []
  private var broken: [String: [UInt8]] = [:]

  /// Without the program's own name.
  static var ofProcess: Arguments {
    var arguments = Arguments()
    for index in 1..<max(1, Int(CommandLine.argc)) {
      guard let argument = unsafe CommandLine.unsafeArgv[index] else { break }
      let bytes = unsafe Array(UnsafeRawBufferPointer(start: argument, count: strlen(argument)))
      arguments.append(bytes)
    }
    return arguments
  }

  private mutating func append(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    texts.append(text)
    if String(validating: bytes, as: UTF8.self) == nil { broken[text] = bytes }
  }

  func areUTF8(_ text: String) -> Bool { broken[text] == nil }

  func quoted(_ text: String) -> String {
    guard let bytes = broken[text] else { return WrittenNames.quoted(text) }
    let parts = bytes.map { (0x21...0x7e).contains($0) ? String(Unicode.Scalar($0)) : hexadecimal($0) }
    return "\"\(parts.joined())\""
  }
}

private func hexadecimal(_ byte: UInt8) -> String { "\\x" + (byte < 0x10 ? "0" : "") + String(byte, radix: 16) }
