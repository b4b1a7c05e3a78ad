/// What streams carry: the byte at an offset is known by the offset, modulo a prime.
package enum Pattern {
  /// How much is offered or taken at once: like a TLS program with a large buffer, and it stays in the processor's
  /// cache.
  package static let chunk = 256 * 1024

  /// At least a chunk of the bytes from this offset on. They are never freed.
  @inline(__always)
  package static func at(_ offset: UInt64) -> UnsafeRawPointer {
    bytes + Int(offset % UInt64(period))
  }

  private static let period = 65_521

  nonisolated(unsafe) private static let bytes: UnsafeRawPointer = {
    let count = period + chunk
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: count, alignment: 4096)
    var value: UInt32 = 1
    for index in 0..<period {
      value = value &* 1_664_525 &+ 1_013_904_223
      bytes[index] = UInt8(truncatingIfNeeded: value >> 24)
    }
    for index in period..<count { bytes[index] = bytes[index - period] }
    return UnsafeRawPointer(bytes.baseAddress!)
  }()
}
