package import Wire

extension Fingerprint {
  /// As FoxIO's JA4 writes it: `t13d1516h2_8daaf6152771_e5627efa2ab1`.
  package var ja4: String { "\(traits)_\(Self.short(cipherSuites))_\(Self.short(extensions))" }

  /// The first twelve digits of the SHA-256, or as many zeros of nothing.
  private static func short(_ list: [UInt8]) -> String {
    list.isEmpty ? "000000000000" : String(decoding: digest(of: list).prefix(12), as: UTF8.self)
  }
}
