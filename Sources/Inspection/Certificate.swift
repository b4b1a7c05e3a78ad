package import Wire

/// What matters of a backend's certificate.
package struct Certificate: Equatable, Sendable {
  /// The `dNSName`s of its `subjectAltName`.
  package let names: [[UInt8]]
  /// Seconds since 1970.
  package let notBefore: Int64
  package let notAfter: Int64
  /// Why clients with the system's authorities would not trust it; nil if they would.
  package let distrust: String?
  /// The backend speaks HTTP/2.
  package let speaksHTTP2: Bool
  /// The names in lower case.
  let patterns: Set<[UInt8]>

  package init(names: [[UInt8]], notBefore: Int64, notAfter: Int64, distrust: String?, speaksHTTP2: Bool) {
    self.names = names
    self.notBefore = notBefore
    self.notAfter = notAfter
    self.distrust = distrust
    self.speaksHTTP2 = speaksHTTP2
    patterns = Set(names.map { $0.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 } })
  }

  /// RFC 9525, section 6.3: "The wildcard character appears only as the complete content of the left-most label." It matches
  /// one label; letters of either case are the same.
  package func covers(_ host: HostName) -> Bool {
    if patterns.contains(host.bytes) { return true }
    guard let dot = host.bytes.firstIndex(of: UInt8(ascii: ".")) else { return false }
    return patterns.contains([UInt8(ascii: "*")] + host.bytes[dot...])
  }

  /// - Parameters:
  ///   - host: the name that it was asked for.
  ///   - now: seconds since 1970.
  package func findings(for host: HostName, now: Int64) -> [Finding] {
    var findings: [Finding] = []
    if !covers(host) {
      let list = names.prefix(Self.mostNames).map { shellWord($0) }.joined(separator: ", ")
      findings.append(
        Finding(
          .warning, .certificateName,
          names.isEmpty
            ? "the backend's certificate has no names, so clients refuse it"
            : "the backend's certificate is not for this name, so clients refuse it: it is for \(list)"
              + (names.count > Self.mostNames ? " and \(names.count - Self.mostNames) more" : "")))
    }
    if notAfter < now {
      findings.append(
        Finding(.warning, .certificateExpired, "the backend's certificate expired \(Self.days(now - notAfter)) ago"))
    } else if notBefore > now {
      findings.append(
        Finding(
          .warning, .certificateNotYetValid,
          "the backend's certificate becomes valid in \(Self.days(notBefore - now)): is the clock right?"))
    } else if notAfter - now < Self.soon {
      findings.append(
        Finding(
          .warning, .certificateExpiresSoon, "the backend's certificate expires in \(Self.days(notAfter - now))"))
    }
    if let distrust, notAfter >= now, notBefore <= now {
      findings.append(
        Finding(
          .note, .certificateUntrusted,
          "who knows the system's authorities does not trust the backend's certificate: \(distrust)"))
    }
    return findings
  }

  package var json: JSON {
    .object([
      ("names", .array(names.map { .string(String(decoding: $0, as: UTF8.self)) })),
      ("not_before", .number(Int(notBefore))), ("not_after", .number(Int(notAfter))), ("distrust", JSON(distrust)),
      ("http2", .bool(speaksHTTP2)),
    ])
  }

  private static func days(_ seconds: Int64) -> String {
    let days = seconds / 86_400
    return switch days {
    case 0: "less than a day"
    case 1: "1 day"
    default: "\(days) days"
    }
  }

  /// Fourteen days.
  private static let soon: Int64 = 14 * 86_400
  private static let mostNames = 5
}
