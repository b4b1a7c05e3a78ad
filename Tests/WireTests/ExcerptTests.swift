import Testing
import Wire

@Suite struct ExcerptTests {
  @Test func `every byte can be told from every other, and none is anything but itself`() {
    let texts = (UInt8.min...UInt8.max).map { escaped([$0, UInt8(ascii: "a")]) }
    #expect(Set(texts).count == 256)
    for (byte, text) in texts.enumerated() {
      #expect(
        text == "\(Unicode.Scalar(UInt8(byte)))a"
          || text == "\\x" + (byte < 16 ? "0" : "") + String(byte, radix: 16) + "a")
      #expect(text.utf8.allSatisfy { (0x21...0x7e).contains($0) && ![0x22, 0x2c, 0x3d].contains($0) }, "\(text)")
    }
  }

  @Test(arguments: [
    ("shop.example", "shop.example"), ("a b", "a\\x20b"), ("a=b", "a\\x3db"), ("a,b", "a\\x2cb"), ("-", "\\x2d"),
    ("--", "--"), ("-a", "-a"), ("\\x20", "\\x5cx20"), ("é", "\\xc3\\xa9"), ("\n", "\\x0a"), ("", ""), ("\"", "\\x22"),
  ])
  func `what is escaped`(_ raw: String, _ text: String) { #expect(escaped(raw.utf8) == text) }

  @Test func `text leads back to the bytes`() {
    var generator = Generator(seed: "excerpts")
    for _ in 0..<2000 {
      let bytes = generator.bytes(.random(in: 0...40, using: &generator))
      #expect(unescaped("\(Excerpt(bytes[...]))") == bytes)
    }
  }

  @Test func `what is long is cut, and says so as no client can`() {
    let whole = [UInt8](repeating: UInt8(ascii: "a"), count: 60_000)
    #expect("\(Excerpt(whole[...]))" == String(repeating: "a", count: 300) + "\\...(60000_bytes)")
    #expect("\(Excerpt(whole[..<300]))" == String(repeating: "a", count: 300))
    #expect(!"\(Excerpt(Array("a\\...(60000_bytes)".utf8)[...]))".contains("\\..."))
  }

  @Test func `as many protocols are copied as there is room for`() throws {
    for line in Corpus.lines {
      let file = try #require(Corpus.hellos.first { $0.name == line.name })
      guard case .complete(let hello) = progress(file.bytes) else { continue }
      for room in [0, 1, 3, 4, 12, 300] {
        let names = hello.protocolNames.copy(within: room).map { Array($0) }
        let expected = hello.protocols.map { Array($0) }
        #expect(names == Array(expected.prefix(names.count)), "\(file)")
        #expect(names.reduce(0) { $0 + 1 + $1.count } <= room)
        guard names.count < expected.count else { continue }
        #expect(names.reduce(1 + expected[names.count].count) { $0 + 1 + $1.count } > room, "\(file)")
      }
    }
  }

  private func unescaped(_ text: String) -> [UInt8] {
    var bytes: [UInt8] = []
    var rest = Array(text.utf8)[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "\\") {
        bytes.append(UInt8(String(decoding: rest.dropFirst().prefix(2), as: UTF8.self), radix: 16) ?? 0)
        rest = rest.dropFirst(3)
      } else {
        bytes.append(byte)
      }
    }
    return bytes
  }
}
