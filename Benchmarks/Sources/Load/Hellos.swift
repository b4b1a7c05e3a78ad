import Glibc

/// Makes the ClientHellos of a load: clients by turns, names in random order, and a number in each, by which the
/// backend knows the client.
public final class Hellos {
  private var templates: [HelloTemplate]
  private let names: Int
  private var random: UInt64 = 0x9E37_79B9_7F4A_7C15
  private var turn = 0

  /// The names are those of `name(_:)` from 0 to `names` - 1.
  public init(corpus: String, names: Int = 1) throws(Failure) {
    templates = try HelloTemplate.corpus(at: corpus).map { $0.naming(Self.name(0)) }
    self.names = names
  }

  /// All names are equally long, so that a hello is changed in place.
  public static func name(_ index: Int) -> String {
    let digits = String(index)
    return "shop-" + String(repeating: "0", count: 6 - digits.utf8.count) + digits + ".bench.test"
  }

  /// Writes a hello, and returns how long it is.
  func write(number: UInt64, to buffer: UnsafeMutableRawPointer) -> Int {
    turn = turn + 1 == templates.count ? 0 : turn + 1
    // Vigna's xorshift: enough to leave no order that a cache could learn.
    random ^= random << 13
    random ^= random >> 7
    random ^= random << 17
    var name = Int(random % UInt64(names))
    let place = templates[turn].name.lowerBound + 5
    for digit in stride(from: 5, through: 0, by: -1) {
      templates[turn].bytes[place + digit] = UInt8(48 + name % 10)
      name /= 10
    }
    return templates[turn].bytes.withUnsafeBytes { bytes in
      buffer.copyMemory(from: bytes.baseAddress!, byteCount: bytes.count)
      (buffer + HelloTemplate.number.lowerBound).storeBytes(of: number, as: UInt64.self)
      return bytes.count
    }
  }

  /// No hello of the corpus is longer.
  static let longest = 4096

  /// How long the whole hello is, once its record header is there.
  @inline(__always)
  static func length(of bytes: UnsafeRawPointer, received: Int) -> Int? {
    guard received >= 5 else { return nil }
    let (high, low) = (bytes.load(fromByteOffset: 3, as: UInt8.self), bytes.load(fromByteOffset: 4, as: UInt8.self))
    return 5 + (Int(high) << 8 | Int(low))
  }

  @inline(__always)
  static func number(in bytes: UnsafeRawPointer) -> UInt64 {
    bytes.loadUnaligned(fromByteOffset: HelloTemplate.number.lowerBound, as: UInt64.self)
  }
}
