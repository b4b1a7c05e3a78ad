import Crypto
package import Wire

extension HostName {
  /// The name of the host's entry in the hosts directory.
  ///
  /// - Parameter hashed: the lower-case hexadecimal SHA-256 of the name instead of the name.
  package func entryName(hashed: Bool) -> [UInt8] {
    hashed ? digest(of: bytes) : bytes
  }
}

/// The SHA-256 in lower-case hexadecimal digits.
func digest(of bytes: [UInt8]) -> [UInt8] {
  SHA256.hash(data: bytes).flatMap { [hexadecimal[Int($0 >> 4)], hexadecimal[Int($0 & 15)]] }
}

private let hexadecimal = Array("0123456789abcdef".utf8)
