import Testing
import Wire

@Suite struct CorpusTests {
  @Test(arguments: Corpus.verdicts) func `files have the verdict that their folder is named after`(_ folder: String) {
    let files = Corpus.files.filter { $0.verdict == folder }
    #expect(!files.isEmpty)
    for file in files { #expect(verdict(progress(file.bytes)) == folder, "\(file)") }
  }

  @Test func `name and protocols come out as the client sent them`() throws {
    for line in Corpus.lines {
      let file = try #require(Corpus.hellos.first { $0.name == line.name }, "\(line)")
      guard case .complete(let hello) = progress(file.bytes) else {
        Issue.record("no ClientHello in \(line)")
        continue
      }
      #expect(hello.serverName.map { String(decoding: $0, as: UTF8.self) } == line.serverName)
      #expect(hello.protocols.map { String(decoding: $0, as: UTF8.self) } == line.protocols)
    }
  }

  @Test func `no file and no line is without the other`() {
    #expect(Corpus.hellos.map(\.name).sorted() == Corpus.lines.map(\.name).sorted())
  }

  @Test func `more files are refused than accepted`() {
    let refused = Corpus.files.count { $0.verdict != "hello" && $0.verdict != "incomplete" }
    #expect(refused > Corpus.hellos.count)
  }
}
