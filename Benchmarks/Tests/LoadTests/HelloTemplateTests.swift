import Foundation
import Testing

@testable import Load

struct HelloTemplateTests {
  static let corpus = URL(filePath: #filePath).deletingLastPathComponent().appending(
    path: "../../../Tests/Corpus/clienthello/hello"
  ).standardized.path

  @Test func everyClientOfTheCorpusCanBeNamedAnew() throws {
    for template in try HelloTemplate.corpus(at: Self.corpus) {
      let renamed = template.naming("a.much.longer.name.than.there.was.before.bench.test")
      // Parsed anew, so all lengths are right.
      let parsed = try #require(HelloTemplate(client: template.client, bytes: renamed.bytes))
      #expect(String(decoding: parsed.bytes[parsed.name], as: UTF8.self).hasSuffix("before.bench.test"))
      let original = String(decoding: template.bytes[template.name], as: UTF8.self)
      #expect(renamed.naming(original).bytes == template.bytes)
    }
  }

  @Test func whatIsNoHelloIsNoTemplate() throws {
    let template = try #require(try HelloTemplate.corpus(at: Self.corpus).first)
    #expect(HelloTemplate(client: "cut", bytes: template.bytes.dropLast()) == nil)
    #expect(HelloTemplate(client: "none", bytes: []) == nil)
  }

  @Test func writtenHellosAreWholeAndNumbered() throws {
    let hellos = try Hellos(corpus: Self.corpus, names: 100_000)
    var names: Set<String> = []
    let buffer = UnsafeMutableRawPointer.allocate(byteCount: Hellos.longest, alignment: 8)
    defer { buffer.deallocate() }
    for number in UInt64(0)..<100 {
      let length = hellos.write(number: number, to: buffer)
      #expect(Hellos.length(of: buffer, received: length) == length)
      #expect(Hellos.number(in: buffer) == number)
      let bytes = Array(UnsafeRawBufferPointer(start: buffer, count: length))
      let template = try #require(HelloTemplate(client: "written", bytes: bytes))
      names.insert(String(decoding: bytes[template.name], as: UTF8.self))
    }
    #expect(names.count > 95)
    #expect(names.allSatisfy { $0.utf8.count == Hellos.name(0).utf8.count })
  }

  @Test func percentilesAreByRankAndMediansInTheMiddle() {
    var samples = Samples(capacity: 100)
    for value in (1...100).reversed() { samples.add(UInt64(value) * 1000) }
    #expect(samples.percentile(0.5) == 50e-6)
    #expect(samples.percentile(0.99) == 99e-6)
    #expect(samples.percentile(1) == 100e-6)
    #expect(median([3, 1, 2]) == 2)
    #expect(median([4, 1, 2, 3]) == 2.5)
    #expect(median([]) == nil)
  }
}
