import Foundation

/// Bytes without end that look random, which both ends of a stream know when they know the seed.
struct SeededBytes {
  private let start: Int

  init(seed: Int) {
    var generator = SplitMix64(seed: UInt64(seed))
    start = Int(generator.next() % UInt64(Self.period))
  }

  /// The bytes from a place on.
  func bytes(at place: Int, count: Int) -> [UInt8] {
    precondition(count <= Self.longestPiece)
    let first = (start + place) % Self.period
    return Array(Self.block[first..<first + count])
  }

  /// Whether the bytes, however many, are those from a place on.
  func contains(_ bytes: [UInt8], at place: Int) -> Bool {
    stride(from: 0, to: bytes.count, by: Self.longestPiece).allSatisfy { first in
      let expected = self.bytes(at: place + first, count: min(bytes.count - first, Self.longestPiece))
      return unsafe bytes.withUnsafeBytes { received in
        unsafe expected.withUnsafeBytes { unsafe memcmp(received.baseAddress! + first, $0.baseAddress!, $0.count) == 0 }
      }
    }
  }

  static let longestPiece = 1 << 20

  /// A prime, so that no length of a buffer is in step with it.
  private static let period = 1_000_003

  /// A period, and enough of the next one that no piece must be put together.
  private static let block: [UInt8] = {
    var generator = SplitMix64(seed: 0)
    var words: [UInt64] = []
    words.reserveCapacity(period / 8 + 1)
    for _ in 0...period / 8 { words.append(generator.next()) }
    let bytes = unsafe words.withUnsafeBytes { unsafe Array($0.prefix(period)) }
    return bytes + bytes + bytes.prefix(longestPiece - period + 1)
  }()
}

/// The generator of Steele, Lea and Flood, which gives the same numbers for the same seed everywhere.
struct SplitMix64: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9e37_79b9_7f4a_7c15
    var word = state
    word = (word ^ (word >> 30)) &* 0xbf58_476d_1ce4_e5b9
    word = (word ^ (word >> 27)) &* 0x94d0_49bb_1331_11eb
    return word ^ (word >> 31)
  }
}

extension Connection {
  /// Sends so many bytes in pieces of sizes from the range.
  func send(_ stream: SeededBytes, count: Int, pieces: ClosedRange<Int>, seed: Int) throws {
    var generator = SplitMix64(seed: UInt64(seed))
    var sent = 0
    while sent < count {
      let piece = min(count - sent, Int.random(in: pieces, using: &generator))
      try send(stream.bytes(at: sent, count: piece))
      sent += piece
    }
  }

  /// Expects exactly so many bytes and then the end, of either kind if nil. Takes pieces of sizes from the range.
  @discardableResult
  func expect(
    _ stream: SeededBytes, count: Int, pieces: ClosedRange<Int>, seed: Int, ending: Ending? = .finished
  ) throws -> Ending {
    var generator = SplitMix64(seed: UInt64(seed))
    var received = 0
    while true {
      switch try awaitSome(Int.random(in: pieces, using: &generator)) {
      case .bytes(let bytes):
        guard stream.contains(bytes, at: received) else { throw Failure("wrong bytes from \(received) on") }
        received += bytes.count
        guard received <= count else { throw Failure("\(received) bytes, which is more than \(count)") }
      case .ended(let end):
        guard received == count && end == ending ?? end else {
          throw Failure("\(end) after \(received) of \(count) bytes")
        }
        return end
      }
    }
  }
}
