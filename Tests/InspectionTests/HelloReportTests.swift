import Foundation
import Inspection
import Relay
import Testing
import Wire

/// All of the corpus, explained.
@Suite struct HelloReportTests {
  private static let alerts: [String: Alert] = [
    "unexpected_message": .unexpectedMessage, "record_overflow": .recordOverflow,
    "illegal_parameter": .illegalParameter, "decode_error": .decodeError, "missing_extension": .missingExtension,
    "unrecognized_name": .unrecognizedName,
  ]

  private static let corpus = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appending(path: "Corpus/clienthello")

  private func files(_ folder: String) throws -> [URL] {
    let files = try FileManager.default.contentsOfDirectory(
      at: Self.corpus.appending(path: folder), includingPropertiesForKeys: nil)
    try #require(!files.isEmpty)
    return files
  }

  @Test(arguments: alerts.keys.sorted())
  func `what is refused has the folder's alert, a reason and a rule`(folder: String) throws {
    for file in try files(folder) {
      let report = HelloReport(Array(try Data(contentsOf: file)))
      guard case .refused(let refusal) = report.verdict else {
        Issue.record("\(file.lastPathComponent): \(report.verdict)")
        continue
      }
      #expect(refusal.alert == Self.alerts[folder], "\(file.lastPathComponent)")
      #expect(refusal.alert?.name == folder)
      #expect(refusal.rule != nil && !refusal.reason.isEmpty, "\(file.lastPathComponent)")
      check(report, file)
    }
  }

  @Test func `what is accepted names its entry`() throws {
    for file in try files("hello") {
      let bytes = Array(try Data(contentsOf: file))
      let report = HelloReport(bytes)
      guard case .accepted(let host) = report.verdict else {
        Issue.record("\(file.lastPathComponent): \(report.verdict)")
        continue
      }
      var reader = HelloReader()
      guard case .complete(let hello) = reader.read(bytes.span) else { continue }
      #expect(try host == HostName(report.serverName![...]))
      #expect(report.serverName == hello.serverName.map(Array.init), "\(file.lastPathComponent)")
      #expect(report.protocols == hello.protocols.map(Array.init), "\(file.lastPathComponent)")
      #expect(report.anatomy.messagePresent == report.anatomy.messageLength, "\(file.lastPathComponent)")
      let body = report.anatomy.extensions!.reduce(0) { $0 + 4 + $1.length }
      #expect(body > 0 && body < bytes.count, "\(file.lastPathComponent)")
      check(report, file)
    }
  }

  @Test(arguments: ["illegal_parameter/alpn-adjacent", "decode_error/alpn-1-byte", "decode_error/ends-one-short"])
  func `what is refused shows the name as far as it can be read`(hello: String) throws {
    let report = HelloReport(Array(try Data(contentsOf: Self.corpus.appending(path: "\(hello).bin"))))
    let name = try #require(report.serverName)
    let word = shellWord(name)
    #expect(report.lines.contains { $0.hasPrefix("    server_name (0), ") && $0.hasSuffix(" bytes: \(word)") })
    #expect(report.json.text.contains("\"server_name\":\(JSON.string(word).text)"), "\(report.json.text)")
  }

  @Test func `what is incomplete says how much is missing`() throws {
    for file in try files("incomplete") {
      let report = HelloReport(Array(try Data(contentsOf: file)))
      guard case .incomplete(let missing) = report.verdict else {
        Issue.record("\(file.lastPathComponent): \(report.verdict)")
        continue
      }
      #expect(missing > 0)
      check(report, file)
    }
  }

  /// What is printed cannot steer a terminal, and is JSON.
  private func check(_ report: HelloReport, _ file: URL) {
    #expect(report.lines.allSatisfy { $0.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7f } })
    #expect(report.lines.count < 100)
    #expect((try? JSONSerialization.jsonObject(with: Data(report.json.text.utf8))) != nil, "\(file.lastPathComponent)")
  }

  @Test func `extensions have their names`() {
    #expect("\(ExtensionName(0))" == "server_name (0)")
    #expect("\(ExtensionName(0x1a1a))" == "GREASE (6682)")
    #expect(ExtensionName(0x1a2a).name == nil)
    #expect(ExtensionName(65037).name == "encrypted_client_hello")
  }

  @Test func `hexadecimal digits are taken for bytes`() throws {
    #expect(try Capture(Array("16:03 01\n00".utf8)).bytes == [22, 3, 1, 0])
    #expect(try Capture(Array("GET / HTTP/1.1".utf8)).bytes == Array("GET / HTTP/1.1".utf8))
    #expect(try Capture([22, 3, 1]).wasHexadecimal == false)
    for dump in ["00000000: 1603 0100 05 .....\n", "00000000  16 03 01 |...|\n", "0000000 001426\n", "16 03 0"] {
      #expect(throws: Capture.Flaw.dump, "\(dump)") { try Capture(Array(dump.utf8)) }
    }
    #expect(throws: Capture.Flaw.empty) { try Capture([]) }
    #expect(throws: Capture.Flaw.packets) { try Capture([0xd4, 0xc3, 0xb2, 0xa1, 2, 0]) }
  }
}
