import Inspection
import Testing
import Wire

@Suite struct CertificateTests {
  private let now: Int64 = 1_800_000_000
  private let day: Int64 = 86_400

  private func certificate(
    _ names: [String] = ["a.example"], from: Int64 = -1, to: Int64 = 100, distrust: String? = nil
  ) -> Certificate {
    Certificate(
      names: names.map { Array($0.utf8) }, notBefore: now + from * day, notAfter: now + to * day, distrust: distrust,
      speaksHTTP2: true)
  }

  private func host(_ name: String) throws -> HostName { try HostName(Array(name.utf8)[...]) }

  @Test(arguments: [
    ("a.example", "a.example", true), ("A.Example", "a.example", true), ("*.example", "a.example", true),
    ("*.example", "b.a.example", false), ("*.example", "example", false), ("a*.example", "ab.example", false),
    ("*", "example", false), ("*.*.example", "b.a.example", false), ("b.example", "a.example", false),
  ])
  func `the names that a certificate is for`(name: String, asked: String, isCovered: Bool) throws {
    #expect(try certificate([name]).covers(host(asked)) == isCovered)
  }

  @Test func `its names are in JSON as they are`() {
    let json = certificate(["*.w.example", "a b's", "\u{1b}[31m\""]).json.text
    #expect(json.hasPrefix(#"{"names":["*.w.example","a b's","\u001b[31m\""],"#), "\(json)")
  }

  @Test func `what is well is silent`() throws {
    #expect(try certificate().findings(for: host("a.example"), now: now) == [])
  }

  @Test(arguments: [
    (-10, -1, Finding.Code.certificateExpired), (1, 100, .certificateNotYetValid), (-10, 13, .certificateExpiresSoon),
  ])
  func `the time of a certificate`(from: Int64, to: Int64, code: Finding.Code) throws {
    let findings = try certificate(from: from, to: to).findings(for: host("a.example"), now: now)
    #expect(findings.map(\.code) == [code] && findings.map(\.severity) == [.warning])
  }

  @Test func `another name, and an unknown authority`() throws {
    let findings = try certificate(["b.example"], distrust: "unknown").findings(for: host("a.example"), now: now)
    #expect(findings.map(\.code) == [.certificateName, .certificateUntrusted])
    #expect(findings.map(\.severity) == [.warning, .note])
    #expect(try certificate([]).findings(for: host("a.example"), now: now).map(\.code) == [.certificateName])
  }
}
