import Inspection
import Kernel
import TLSClient
import Wire

extension TreeCheck {
  /// Asks the backends that are reached for their certificates, and says what is wrong with them.
  static func checkCertificates(_ reports: inout [EntryReport], _ inspector: inout Inspector) throws(Failure) {
    guard let client = TLSClient() else { throw .system("prepare", "a TLS client", .noMemory) }
    let asked = reports.indices.filter { reports[$0].host != nil }.flatMap { visits(reports[$0], $0) }
    let names = asked.map { reports[$0.index].host!.description }
    let outcomes = try attempt("wait for", "the backends") { () throws(Errno) in
      try client.ask(names) {
        inspector.connection(to: reports[asked[$0].index].entry, for: names[$0], handingOver: asked[$0].handingOver)
      }
    }
    let now = wallClockNow() / 1_000_000_000
    var certificates: [(index: Int, certificate: Certificate)] = []
    for ((index, handingOver), outcome) in zip(asked, outcomes) {
      var findings: [Finding]
      switch outcome {
      case .failed(let reason):
        let hint =
          handingOver && reports[index].isHandedOver
          ? ": who receives on tls-handoff may be slow to, or take no clients from \(Inspector.person(effectiveUser)), as whom it "
            + "was looked: if that is sniproxy's user, tell the receiver (--user of sniproxy-listen), if not, look as sniproxy's user"
          : ""
        findings = [Finding(.warning, .tlsFailed, "the backend's certificate could not be looked at: \(reason)\(hint)")]
      case .certificate(let certificate):
        findings = certificate.findings(for: reports[index].host!, now: now)
        if handingOver {
          reports[index].certificate = certificate.json
          certificates.append((index, certificate))
        } else {
          reports[index].relayed?.certificate = certificate.json
        }
      }
      if !handingOver { findings = findings.filter { !reports[index].findings.contains($0) }.map(\.ofOthers) }
      for finding in findings { reports[index].add(finding) }
    }
    let shared = SharedCertificates(
      reports + inspector.others(than: reports, coveredBy: certificates.map(\.certificate)))
    for (index, certificate) in certificates {
      if let finding = shared.finding(certificate, of: reports[index]) { reports[index].add(finding) }
    }
    for index in reports.indices where reports[index].verdict == .served && reports[index].host == nil {
      reports[index].add(
        Finding(
          .note, .ignored, "its certificate was not asked for: the name is not known; give it after the hosts directory"
        ))
    }
  }

  /// To whom its backend shows a certificate: a client who can be handed over, and one who cannot where that is another backend.
  private static func visits(_ report: EntryReport, _ index: Int) -> [(index: Int, handingOver: Bool)] {
    (report.verdict == .served ? [(index, true)] : []) + (report.servesOthersElsewhere ? [(index, false)] : [])
  }
}
