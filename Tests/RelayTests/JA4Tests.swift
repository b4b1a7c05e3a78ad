import Foundation
import Relay
import Testing
import Wire

@Suite struct JA4Tests {
  /// As FoxIO publishes them (FoxIO-LLC/ja4, python/test/testdata): cipher suites, extensions and signature algorithms as the
  /// client sent them (JA4_ro), and what becomes of them (JA4).
  private static let published = [
    (
      "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
      "001b,0000,0033,0010,4469,0017,002d,000d,0005,0023,0012,002b,ff01,000b,000a,0015",
      "0403,0804,0401,0503,0805,0501,0806,0601", "h2", "t13d1516h2_8daaf6152771_e5627efa2ab1"
    ),
    (
      "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
      "000d,0033,0000,ff01,002b,0023,002d,0005,0012,000b,0017,4469,0010,001b,000a,0015",
      "0403,0804,0401,0503,0805,0501,0806,0601", "http/1.1", "t13d1516h1_8daaf6152771_e5627efa2ab1"
    ),
    (
      "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
      "0033,002b,001b,0000,0012,002d,000d,000a,0005,0023,0017,ff01,000b,0015",
      "0403,0804,0401,0503,0805,0501,0806,0601", "", "t13d151400_8daaf6152771_de4a06bb82e3"
    ),
    (
      "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035",
      "0000,0017,0005,002b,0012,0023,000a,0033,0010,002d,001b,4469,000b,000d,ff01,0015,0029",
      "0403,0804,0401,0503,0805,0501,0806,0601", "http/1.1", "t13d1517h1_8daaf6152771_6cdcb247c39b"
    ),
    (
      "1301,1303,1302,c02b,c02f,cca9,cca8,c02c,c030,c00a,c009,c013,c014,009c,009d,002f,0035",
      "0000,0017,ff01,000a,000b,0023,0010,0005,0022,0033,002b,000d,002d,001c,0015",
      "0403,0503,0603,0804,0805,0806,0401,0501,0601,0203,0201", "h2", "t13d1715h2_5b57614c22b0_3d5424432f57"
    ),
    (
      "1301,1302,1303,c02b,c02f,c02c,c030,cca9,cca8,c013,c014,009c,009d,002f,0035,000a",
      "0000,0017,ff01,000a,000b,0023,0010,0005,000d,0012,0033,002d,002b,001b,0015",
      "0403,0804,0401,0503,0805,0501,0806,0601,0201", "h2", "t13d1615h2_46e7e9700bed_45f260be83e2"
    ),
    (
      "1301,1302,1303,c02c,c02b,c024,c023,c00a,c009,cca9,c030,c02f,c028,c027,c014,c013,cca8,009d,009c,003d,003c,0035,"
        + "002f,c008,c012,000a", "ff01,0000,0017,000d,0005,0012,0010,000b,0033,002d,002b,000a,0015",
      "0403,0804,0401,0503,0203,0805,0805,0501,0806,0601,0201", "h2", "t13d2613h2_2802a3db6c62_845d286b0d67"
    ),
    (
      "c030,c02c,c028,c024,c014,c00a,009f,006b,0039,cca9,cca8,ccaa,ff85,00c4,0088,0081,009d,003d,0035,00c0,0084,c02f,"
        + "c02b,c027,c023,c013,c009,009e,0067,0033,00be,0045,009c,003c,002f,00ba,0041,c011,c007,0005,0004,c012,c008,0016,"
        + "000a,00ff", "0000,000b,000a,000d,0010",
      "0601,0603,efef,0501,0503,0401,0403,eeee,eded,0301,0303,0201,0203", "h2", "t12d4605h2_85626a9a5f7f_aaf95bb78ec9"
    ),
    (
      "c02c,c02b,c030,c02f,c024,c023,c028,c027,c00a,c009,c014,c013,009d,009c,003d,003c,0035,002f,000a",
      "0000,0005,000a,000b,000d,0023,0017,ff01", "0804,0805,0806,0401,0501,0201,0403,0503,0203,0202,0601,0603", "",
      "t12d190800_d83cc789557e_7af1ed941c26"
    ),
    // No extension but the name.
    (
      "0039,0038,0035,0016,0013,000a,0033,0032,002f,009a,0099,0096,0005,0004,0015,0012,0009,0014,0011,0008,0006,0003,00ff",
      "0000", "", "", "t10d230100_6a57a6f57151_000000000000"
    ),
  ]

  @Test(arguments: published)
  func `published fingerprints`(
    _ suites: String, _ types: String, _ algorithms: String, _ name: String, _ expected: String
  ) throws {
    var hello = MadeHello(suites: values(suites), types: values(types))
    hello.algorithms = values(algorithms)
    hello.protocols = name.isEmpty ? [] : [Array(name.utf8)]
    hello.version = expected.hasPrefix("t10") ? 0x0301 : 0x0303
    #expect(try hello.ja4 == expected)
    // GREASE changes nothing, wherever it is.
    hello.suites.insert(0x0a0a, at: 0)
    hello.types.insert(0x7a7a, at: 0)
    hello.types.insert(0xfafa, at: 1)
    hello.algorithms.insert(0x1a1a, at: 0)
    hello.versions.insert(0xeaea, at: 0)
    #expect(try hello.ja4 == expected)
  }

  /// Of clients, as FoxIO's list of applications has them (ja4plus-mapping.csv), and of the specification's own example; the
  /// last two as FoxIO's ja4.py says.
  @Test(arguments: [
    ("cffi-chrome99", "t13d1516h2_8daaf6152771_e5627efa2ab1"),
    ("cffi-chrome120", "t13d1517h2_8daaf6152771_b1ff8ab2d16f"),
    ("cffi-chrome124", "t13d1516h2_8daaf6152771_02713d6af862"),
    ("cffi-safari155", "t13d2014h2_a09f3c656075_14788d8d241b"),
    ("go-tls", "t13d190900_9dc949149365_97f8aa674fd9"),
    ("chromium", "t13d1517h2_8daaf6152771_cb7bf5808d99"),
    ("firefox", "t13d1617h2_86a278354501_3cbfd9057e0d"),
  ])
  func `fingerprints of real ClientHellos`(_ file: String, _ expected: String) throws {
    let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    let path = folder.appending(path: "Corpus/clienthello/hello/\(file).bin")
    var reader = HelloReader()
    guard case .complete = reader.read(Array(try Data(contentsOf: path)).span) else {
      Issue.record("no ClientHello in \(file)")
      return
    }
    #expect(try Fingerprint(message: reader.message).ja4 == expected)
  }

  /// The specification's examples, and what is around them.
  @Test(
    arguments: [
      ([0xab], "ab"), ([0x20], "20"), ([0xab, 0xcd], "ad"), ([0x20, 0x61], "21"), ([0x30, 0xab], "3b"),
      ([0x61, 0x20], "60"),
      ([0x30, 0x31, 0xab, 0xcd], "3d"), ([0x30, 0xab, 0xcd, 0x31], "01"), ([0x30], "00"), ([0x39, 0x41], "9A"),
      ([0x5a, 0x7a], "Zz"), ([0x2f, 0x30], "20"), ([0x3a, 0x40], "30"), ([0x5b, 0x60], "50"), ([0x7b, 0x61], "71"),
    ] as [([UInt8], String)])
  func `the ends of the first protocol`(_ name: [UInt8], _ ends: String) throws {
    var hello = MadeHello(suites: [0x1301], types: [16])
    hello.protocols = [name, Array("h2".utf8)]
    #expect(try hello.ja4.hasPrefix("t12i0101\(ends)_"))
  }

  @Test(
    arguments: [
      (0x0303, nil, "12"), (0x0302, nil, "11"), (0x0301, nil, "10"), (0x0300, nil, "s3"), (0x0002, nil, "s2"),
      (0x0304, nil, "13"), (0xfeff, nil, "d1"), (0xfefd, nil, "d2"), (0xfefc, nil, "d3"), (0x0305, nil, "00"),
      (0x0303, [4, 3, 3, 3, 4], "13"), (0x0303, [4, 0x2a, 0x2a, 3, 3], "12"), (0x0301, [2, 3, 2], "11"),
      // Malformed, as far as it goes: no versions at all, a length beyond the end, half a version, bytes left over.
      (0x0303, [], "00"), (0x0303, [0], "00"), (0x0303, [2, 0x0a, 0x0a], "00"), (0x0303, [255, 3, 2], "11"),
      (0x0303, [3, 3, 4, 3], "13"), (0x0303, [1, 3], "00"), (0x0303, [2, 3, 1, 3, 4], "10"),
    ] as [(UInt16, [UInt8]?, String)])
  func `the version`(_ legacy: UInt16, _ body: [UInt8]?, _ text: String) throws {
    var hello = MadeHello(suites: [0x1301], types: body == nil ? [] : [43])
    hello.version = legacy
    hello.bodies[43] = body
    #expect(try hello.ja4.hasPrefix("t\(text)i01"))
  }

  @Test func `signature algorithms that are malformed count as far as they go`() throws {
    func ja4(_ body: [UInt8]) throws -> String {
      var hello = MadeHello(suites: [0x1301], types: [13])
      hello.bodies[13] = body
      return try hello.ja4
    }
    let none = try ja4([0, 0])
    let one = try ja4([0, 2, 4, 3])
    #expect(none != one)
    for body in [[], [0], [0, 1, 4], [0, 2, 4], [0, 2, 0x0a, 0x0a]] as [[UInt8]] { #expect(try ja4(body) == none) }
    for body in [[0, 3, 4, 3, 5], [0xff, 0xff, 4, 3], [0, 2, 4, 3, 5, 3]] as [[UInt8]] { #expect(try ja4(body) == one) }
  }

  @Test func `counts end at 99, and nothing has a hash of zeros`() throws {
    let many = MadeHello(suites: (1...100).map { 0x0100 + $0 }, types: (1...150).map { 0x5500 + $0 })
    #expect(try many.ja4.hasPrefix("t12i999900_"))
    let none = MadeHello(suites: [0x0a0a], types: [])
    #expect(try none.ja4 == "t12i000000_000000000000_000000000000")
  }
}

/// A ClientHello with what a fingerprint is taken of.
private struct MadeHello {
  var version: UInt16 = 0x0303
  var suites: [UInt16]
  var types: [UInt16]
  var algorithms: [UInt16] = []
  var versions: [UInt16] = [0x0304, 0x0303]
  var protocols: [[UInt8]] = []
  /// Instead of well-formed ones.
  var bodies: [UInt16: [UInt8]] = [:]

  /// As long as the reader takes the ClientHello too.
  var ja4: String {
    get throws {
      let message = [1] + vector(3, body)
      _ = try ClientHello(message: message)
      return try Fingerprint(message: message).ja4
    }
  }

  private var body: [UInt8] {
    let fixed = bytes([version]) + [UInt8](repeating: 0x55, count: 32) + vector(1, [])
    let extensions = types.flatMap { bytes([$0]) + vector(2, bodies[$0] ?? content($0)) }
    return fixed + vector(2, bytes(suites)) + vector(1, [0]) + (types.isEmpty ? [] : vector(2, extensions))
  }

  private func content(_ type: UInt16) -> [UInt8] {
    switch type {
    case 0: vector(2, [0] + vector(2, Array("a.test".utf8)))
    case 13: vector(2, bytes(algorithms))
    case 16: vector(2, protocols.flatMap { vector(1, $0) })
    case 43: vector(1, bytes(versions))
    // Of no interest.
    default: [1, 2, 3]
    }
  }
}

/// The content with its length of so many bytes before it.
private func vector(_ width: Int, _ content: [UInt8]) -> [UInt8] {
  (0..<width).reversed().map { UInt8(truncatingIfNeeded: content.count >> (8 * $0)) } + content
}

private func bytes(_ values: [UInt16]) -> [UInt8] { values.flatMap { [UInt8($0 >> 8), UInt8($0 & 0xff)] } }

private func values(_ text: String) -> [UInt16] { text.split(separator: ",").compactMap { UInt16($0, radix: 16) } }
