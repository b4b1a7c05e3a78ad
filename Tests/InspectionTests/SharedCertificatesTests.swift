import Kernel
import Testing
import Wire

@testable import Inspection

@Suite struct SharedCertificatesTests {
  private func report(_ name: String, backend: UInt64) throws -> EntryReport {
    var report = EntryReport(Array(name.utf8), try HostName(Array(name.utf8)[...]), .served)
    report.backend = FileIdentity(device: 1, inode: backend)
    return report
  }

  private func certificate(_ names: [String], speaksHTTP2: Bool = true) -> Certificate {
    Certificate(
      names: names.map { Array($0.utf8) }, notBefore: 0, notAfter: 1, distrust: nil, speaksHTTP2: speaksHTTP2)
  }

  @Test func `without HTTP/2 requests reach no wrong backend`() throws {
    let reports = [try report("a.test", backend: 1), try report("b.test", backend: 2)]
    for speaksHTTP2 in [true, false] {
      let finding = try #require(
        SharedCertificates(reports).finding(certificate(["*.test"], speaksHTTP2: speaksHTTP2), of: reports[0]))
      #expect(finding.severity == (speaksHTTP2 ? .warning : .note))
      #expect(finding.text.contains("reach the wrong backend") == speaksHTTP2, "\(finding.text)")
    }
  }

  /// The names have a backend each.
  @Test(arguments: [
    (["*.test"], "a.test", ["b.test"]), (["*.test"], "a.test", []),
    (["*.test", "c.b.test"], "a.test", ["b.test", "c.b.test"]),
    (["*.b.test", "a.test"], "a.test", ["c.b.test"]), (["*.b.test"], "c.b.test", []),
  ])
  func `the names that a certificate reaches beside its own`(names: [String], own: String, others: [String]) throws {
    let all = ["a.test", "c.b.test", "d.c.b.test"] + (others.contains("b.test") ? ["b.test"] : [])
    let reports = try all.sorted().enumerated().map { try report($1, backend: UInt64($0)) }
    let finding = SharedCertificates(reports).finding(
      certificate(names), of: try #require(reports.first { $0.host?.description == own }))
    #expect((finding == nil) == others.isEmpty)
    guard let first = others.first, let finding else { return }
    let told = others.count == 1 ? "\(first), which has" : "\(first) and \(others.count - 1) more, which have"
    #expect(finding.text.hasPrefix("its certificate is also for \(told) another backend"), "\(finding.text)")
  }
}
