import Glibc

/// Memory that a worker's sessions take turns with. Its pages cost nothing before they are used.
@safe package struct Buffer: ~Copyable {
  package let capacity: Int
  private let base: UnsafeMutableRawPointer

  package init(capacity: Int) {
    self.capacity = capacity
    unsafe base = .allocate(byteCount: capacity, alignment: 4096)
  }

  deinit { unsafe base.deallocate() }

  /// Lets `body` read the first `count` bytes.
  package func withSpan<Result>(_ count: Int, _ body: (Span<UInt8>) -> Result) -> Result {
    precondition(count <= capacity)
    return body(unsafe Span(_unsafeStart: base.assumingMemoryBound(to: UInt8.self), count: count))
  }

  package func bytes(_ range: Range<Int>) -> [UInt8] {
    let region = unsafe pointer(range)
    return unsafe Array(UnsafeRawBufferPointer(start: region, count: range.count))
  }

  func pointer(_ range: Range<Int>) -> UnsafeMutableRawPointer {
    precondition(range.lowerBound >= 0 && range.upperBound <= capacity)
    return unsafe base + range.lowerBound
  }
}
