import Testing

@testable import Inspection

@Suite struct EntryReadingTests {
  private static let sum = "0f59463c606c5b0e5d3da81f36e3f7c175ac230c60e75c2144ce3b752247607c"

  private static let plain: [(entry: String, code: Finding.Code?, rename: String?)] = [
    ("shop.example", nil, nil), ("xn--bcher-kva.example", nil, nil), ("_a.b", nil, nil),
    ("Shop.Example", .nameUnreachable, "shop.example"), ("shop.example.", .nameUnreachable, "shop.example"),
    ("SHOP.example.", .nameUnreachable, "shop.example"), ("bücher.example", .nameUnreachable, "xn--bcher-kva.example"),
    ("Faß.de", .nameUnreachable, "xn--fa-hia.de"), ("*.example", .nameUnreachable, nil),
    ("192.0.2.1", .nameUnreachable, nil), ("a b", .nameUnreachable, nil), ("-a.de", .nameUnreachable, nil),
    ("a..de", .nameUnreachable, nil), (".new", .ignored, nil), ("lost+found", .ignored, nil), (sum, .hashedMixed, nil),
    (sum.uppercased(), .hashedMixed, nil), ("xn--zzzzzz-.de", .nameUnreachable, nil), ("xn--a.de", .notAnALabel, nil),
    (String(repeating: "a", count: 64), .hashedMixed, nil), (String(repeating: "z", count: 64), .nameUnreachable, nil),
  ]

  @Test(arguments: plain.indices)
  func `an entry's name`(index: Int) {
    let (entry, code, rename) = Self.plain[index]
    let reading = EntryReading(Array(entry.utf8), hashed: false)
    #expect(reading.flaw?.code == code, "\(entry)")
    #expect(reading.rename.map { String(decoding: $0, as: UTF8.self) } == rename, "\(entry)")
    #expect(reading.isReachable == (code == nil || code == .notAnALabel), "\(entry)")
    #expect((reading.host != nil) == reading.isReachable, "\(entry)")
  }

  private static let hashed: [(entry: String, code: Finding.Code?, rename: String?)] = [
    (sum, nil, nil), (sum.uppercased(), .nameUnreachable, sum), ("shop.example", .hashedMixed, sum),
    ("Shop.Example.", .hashedMixed, sum), (String(sum.dropLast()), .hashedMixed, nil), ("a b", .nameUnreachable, nil),
    (".new", .ignored, nil), ("lost+found", .ignored, nil),
  ]

  @Test(arguments: hashed.indices)
  func `an entry's name with --hashed`(index: Int) {
    let (entry, code, rename) = Self.hashed[index]
    let reading = EntryReading(Array(entry.utf8), hashed: true)
    #expect(reading.flaw?.code == code, "\(entry)")
    if let rename { #expect(reading.rename.map { String(decoding: $0, as: UTF8.self) } == rename) }
    #expect(reading.isReachable == (code == nil))
  }

  @Test func `bytes that are no text`() {
    let reading = EntryReading([0xff, 0xfe], hashed: false)
    #expect(reading.flaw?.code == .nameUnreachable && reading.rename == nil && !reading.isReachable)
  }
}
