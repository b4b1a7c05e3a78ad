import Kernel
import Wire

/// The names that are served, to find those that a certificate is for and that lead to other backends.
///
/// RFC 9113, section 9.1.1: "Connections that are made to an origin server [...] MAY be reused for requests with multiple
/// different URI authority components. A connection can be reused as long as the origin server is authoritative". With https
/// that takes a certificate for both, and the same address, which all names behind a proxy have.
package struct SharedCertificates {
  /// By name, and by what a wildcard stands before: ".example" for all names of one label more.
  private var groups: [[UInt8]: Group] = [:]

  /// Names that a pattern is for, and how many of them each backend has.
  private struct Group {
    typealias Member = (order: Int, host: HostName, backend: FileIdentity?)
    private var count = 0
    private var counts: [FileIdentity?: Int] = [:]
    /// The first name, and the first one of another backend.
    private var first: Member?
    private var second: Member?

    mutating func add(_ member: Member) {
      count += 1
      counts[member.backend, default: 0] += 1
      if first == nil {
        first = member
      } else if second == nil, first?.backend != member.backend {
        second = member
      }
    }

    func others(than backend: FileIdentity?) -> (count: Int, first: Member?) {
      (count - (counts[backend] ?? 0), first?.backend == backend ? second : first)
    }
  }

  package init(_ reports: [EntryReport]) {
    for (order, report) in reports.enumerated() where report.verdict == .served {
      guard let host = report.host else { continue }
      groups[host.bytes, default: Group()].add((order, host, report.backend))
      if let parent = Self.parent(host.bytes) { groups[parent, default: Group()].add((order, host, report.backend)) }
    }
  }

  /// What is to be said of an entry's certificate, in time that grows with the names in it alone.
  package func finding(_ certificate: Certificate, of report: EntryReport) -> Finding? {
    // Nobody has a connection to reuse where clients refuse the certificate.
    guard let host = report.host, certificate.covers(host) else { return nil }
    var (count, first): (Int, Group.Member?) = (0, nil)
    for pattern in certificate.patterns {
      guard let group = group(pattern, certificate) else { continue }
      let others = group.others(than: report.backend)
      count += others.count
      if let other = others.first, other.order < first?.order ?? .max { first = other }
    }
    guard let first else { return nil }
    let others = count == 1 ? "\(first.host)" : "\(first.host) and \(count - 1) more"
    let also = "its certificate is also for \(others), which \(count == 1 ? "has" : "have") another backend"
    guard certificate.speaksHTTP2 else {
      return Finding(
        .note, .certificateShared,
        "\(also): this does no harm for as long as it does not offer HTTP/2, over which browsers use one connection for both"
      )
    }
    return Finding(
      .warning, .certificateShared,
      "\(also): over HTTP/2 browsers use one "
        + "connection for both (RFC 9113, section 9.1.1), so requests reach the wrong backend: give each backend a certificate of its own, "
        + "or let it answer 421 to names that it does not have")
  }

  /// The names that a pattern is for; nil where a wildcard in the certificate is for them already.
  private func group(_ pattern: [UInt8], _ certificate: Certificate) -> Group? {
    let wildcard = Array("*".utf8)
    if pattern.starts(with: Array("*.".utf8)) { return groups[Array(pattern.dropFirst())] }
    guard pattern.first != UInt8(ascii: "."), let group = groups[pattern] else { return nil }
    if let parent = Self.parent(pattern), certificate.patterns.contains(wildcard + parent) { return nil }
    return group
  }

  /// From the first dot on.
  private static func parent(_ name: [UInt8]) -> [UInt8]? {
    name.firstIndex(of: UInt8(ascii: ".")).map { Array(name[$0...]) }
  }
}
