import Testing
import Wire

/// Damaged and senseless bytes: nothing crashes, and a second reader agrees about each.
@Suite struct DamageTests {
  @Test func `the two readers agree on the corpus`() {
    for file in Corpus.files { #expect(Reference(progress(file.bytes)) == Reference.read(file.bytes), "\(file)") }
  }

  @Test func `the two readers agree after every change of a byte of one hello`() throws {
    let file = try #require(Corpus.hellos.first { $0.name == "psk-last.bin" })
    for index in file.bytes.indices {
      for value in UInt8.min...UInt8.max { try compare(file.bytes, index, value, file) }
    }
  }

  @Test func `the two readers agree after changes of each byte of every small hello`() throws {
    for file in Corpus.smallHellos {
      for index in file.bytes.indices {
        let byte = file.bytes[index]
        for value in [byte &+ 1, byte &- 1] { try compare(file.bytes, index, value, file) }
      }
    }
  }

  @Test func `the two readers agree after changes of bytes here and there of every large hello`() throws {
    for file in Corpus.hellos where file.bytes.count >= 4096 {
      var generator = Generator(seed: file.name)
      for _ in 0..<20 {
        let index = Int.random(in: file.bytes.indices, using: &generator)
        try compare(file.bytes, index, .random(in: 0...255, using: &generator), file)
      }
    }
  }

  @Test func `the two readers agree after cuts and insertions`() throws {
    for file in Corpus.smallHellos {
      var generator = Generator(seed: file.name)
      for _ in 0..<100 {
        var message = try #require(firstMessage(file.bytes))
        let start = Int.random(in: message.indices, using: &generator)
        let end = Int.random(in: start...min(message.count, start + 8), using: &generator)
        message.replaceSubrange(start..<end, with: generator.bytes(.random(in: 0...8, using: &generator)))
        let bytes = records(message) { 1 << 14 }
        #expect(Reference(progress(bytes)) == Reference.read(bytes), "\(file): \(bytes)")
      }
    }
  }

  @Test func `the two readers agree on random bytes`() {
    var generator = Generator(seed: 1)
    for _ in 0..<20_000 {
      let bytes = generator.bytes(.random(in: 0...100, using: &generator))
      #expect(Reference(progress(bytes)) == Reference.read(bytes), "\(bytes)")
    }
  }

  @Test func `the two readers agree on random bodies of extensions`() {
    var generator = Generator(seed: 2)
    var accepted = 0
    for _ in 0..<20_000 {
      let bytes = record(
        message(
          extensions: (0..<Int.random(in: 0...4, using: &generator)).flatMap { _ in
            randomExtension(&generator)
          }))
      let expected = Reference.read(bytes)
      #expect(Reference(progress(bytes)) == expected, "\(bytes)")
      if case .hello = expected { accepted += 1 }
    }
    #expect((1000...19_000).contains(accepted))
  }

  private func compare(_ bytes: [UInt8], _ index: Int, _ value: UInt8, _ file: CorpusFile) throws {
    var bytes = bytes
    bytes[index] = value
    #expect(Reference(progress(bytes)) == Reference.read(bytes), "\(file), byte \(index) = \(value)")
  }
}

/// A ClientHello with these extensions.
private func message(extensions: [UInt8]) -> [UInt8] {
  let body = [3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0x13, 1, 1, 0] + vector(2, extensions)
  return [1] + vector(3, body)
}

/// Of few types, with short bodies of small numbers, so that many are nearly right.
private func randomExtension(_ generator: inout Generator) -> [UInt8] {
  let type: UInt8 = [0, 0, 16, 16, 41, 51].randomElement(using: &generator)!
  let name = (0..<Int.random(in: 0...3, using: &generator)).map { _ in UInt8.random(in: 0...3, using: &generator) }
  let second = (0..<Int.random(in: 0...2, using: &generator)).map { _ in UInt8.random(in: 0...3, using: &generator) }
  let list =
    type == 0
    ? [UInt8.random(in: 0...1, using: &generator)] + vector(2, name) + (second.isEmpty ? [] : [1] + vector(2, second))
    : vector(1, name) + (second.isEmpty ? [] : vector(1, second))
  var body = vector(2, list)
  if Int.random(in: 0..<3, using: &generator) == 0, let index = body.indices.randomElement(using: &generator) {
    body[index] = .random(in: 0...8, using: &generator)
  }
  return [0, type] + vector(2, body)
}

private func vector(_ width: Int, _ body: [UInt8]) -> [UInt8] {
  (0..<width).reversed().map { UInt8(truncatingIfNeeded: body.count >> (8 * $0)) } + body
}
