import Crypto
package import Wire

extension HostName {
  /// The name of the host's entry in the hosts directory.
  ///
  /// - Parameter hashed: the lower-case hexadecimal SHA-256 of the name instead of the name.
  package func entryName(hashed: Bool) -> [UInt8] {
    guard hashed else { return bytes }
    return SHA256.hash(data: bytes).flatMap { [Self.hexadecimal[Int($0 >> 4)], Self.hexadecimal[Int($0 & 15)]] }
  }

  private static let hexadecimal = Array("0123456789abcdef".utf8)
}
