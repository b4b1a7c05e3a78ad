/// Reads the presentation language of RFC 8446, section 3, from front to back.
///
/// Every read names the field it reads, so that a refusal can say where the lengths did not fit.
struct ByteReader {
  private let bytes: [UInt8]
  private var position: Int
  /// Of the innermost vector that is being read.
  private var end: Int

  init(_ bytes: [UInt8], from start: Int = 0) {
    self.bytes = bytes
    position = start
    end = bytes.count
  }

  var isAtEnd: Bool { position == end }

  /// What is left of the vector.
  var rest: Range<Int> { position..<end }

  mutating func uint8(_ field: Field) throws(Refusal) -> UInt8 {
    bytes[try take(1, field).lowerBound]
  }

  mutating func uint16(_ field: Field) throws(Refusal) -> UInt16 {
    let start = try take(2, field).lowerBound
    return UInt16(bytes[start]) << 8 | UInt16(bytes[start + 1])
  }

  mutating func skip(_ count: Int, _ field: Field) throws(Refusal) {
    _ = try take(count, field)
  }

  /// An `opaque` vector: its length in one byte or two, then that many bytes. Gives where they are.
  mutating func opaque(_ field: Field, _ lengths: ClosedRange<Int>) throws(Refusal) -> Range<Int> {
    try take(try length(field, lengths), field)
  }

  /// A vector of elements, which `body` reads to the last byte.
  mutating func vector(
    _ field: Field, _ lengths: ClosedRange<Int>, _ body: (inout ByteReader) throws(Refusal) -> Void
  ) throws(Refusal) {
    let vector = try take(try length(field, lengths), field)
    let outerEnd = end
    (position, end) = (vector.lowerBound, vector.upperBound)
    try body(&self)
    guard isAtEnd else { throw .leftover(field) }
    end = outerEnd
  }

  subscript(range: Range<Int>) -> ArraySlice<UInt8> { bytes[range] }

  /// RFC 8446, section 3.4: "The length will be in the form of a number consuming as many bytes as required to hold the
  /// vector's specified maximum (ceiling) length."
  private mutating func length(_ field: Field, _ lengths: ClosedRange<Int>) throws(Refusal) -> Int {
    let length = lengths.upperBound > 0xff ? Int(try uint16(field)) : Int(try uint8(field))
    // RFC 8446, section 6.2, decode_error: "A message could not be decoded because some field was out of the specified
    // range or the length of the message was incorrect."
    guard lengths.contains(length) else { throw .lengthOutOfRange(field, length) }
    return length
  }

  /// RFC 8446, section 6: "Peers which receive a message which cannot be parsed according to the syntax (e.g., have a
  /// length extending beyond the message boundary or contain an out-of-range length) MUST terminate the connection
  /// with a "decode_error" alert."
  private mutating func take(_ count: Int, _ field: Field) throws(Refusal) -> Range<Int> {
    guard end - position >= count else { throw .truncated(field) }
    defer { position += count }
    return position..<position + count
  }
}
