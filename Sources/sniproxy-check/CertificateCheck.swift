import Inspection
import Kernel
import TLSClient
import Wire

extension TreeCheck {
  /// Asks the backends that are reached for their certificates, and says what is wrong with them.
  static func checkCertificates(_ reports: inout [EntryReport], _ inspector: inout Inspector) throws(Failure) {
    guard let client = TLSClient() else { throw .system("prepare", "a TLS client", .noMemory) }
    let asked = reports.indices.filter { reports[$0].verdict == .served && reports[$0].host != nil }
    let names = asked.map { reports[$0].host!.description }
    let outcomes = try attempt("wait for", "the backends") { () throws(Errno) in
      try client.ask(names) { inspector.connection(to: reports[asked[$0]].entry, for: names[$0]) }
    }
    let now = wallClockNow() / 1_000_000_000
    var certificates: [(index: Int, certificate: Certificate)] = []
    for (index, outcome) in zip(asked, outcomes) {
      switch outcome {
      case .failed(let reason):
        let hint =
          reports[index].isHandedOver
          ? ": who receives on tls-handoff may be slow to, or take clients from root and from sniproxy's user alone: then "
            + "look as that user" : ""
        reports[index].add(
          Finding(.warning, .tlsFailed, "the backend's certificate could not be looked at: \(reason)\(hint)"))
      case .certificate(let certificate):
        reports[index].certificate = certificate.json
        for finding in certificate.findings(for: reports[index].host!, now: now) { reports[index].add(finding) }
        certificates.append((index, certificate))
      }
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
}
