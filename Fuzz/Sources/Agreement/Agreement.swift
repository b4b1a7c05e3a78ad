package import Properties
import Wire

/// Where both take a ClientHello, they find the same name in it; where only one takes it, the reason is known.
package func checkAgreement(_ bytes: [UInt8]) throws(Violation) { _ = try difference(bytes) }

/// Why only one of the two takes what a client sends. Fuzz/README.md has a line for each.
package enum Difference: String, CaseIterable, Sendable {
  // We take it, OpenSSL does not.
  case recordVersion
  case restOfRecord
  case nameTypes
  case nameThatIsNone
  case misplacedExtension
  case negotiation
  // OpenSSL takes it, we do not.
  case emptyRecord
  case longHello
  case repeatedExtension
  case emptyName
  case version2Hello
}

/// Nil if both or neither take these bytes.
package func difference(_ bytes: [UInt8]) throws(Violation) -> Difference? {
  let ours = progress(bytes)
  let theirs = OpenSSL(bytes)
  let parts = Parts(bytes)
  var explanation: Difference?
  switch (ours, theirs) {
  case (.needs, .waits), (.refused, .refuses), (.refused, .waits): return nil
  case (.needs, .refuses(let reason)): explanation = earlyRefusal(reason, parts)
  case (.needs, .refusesLater), (.needs, .takes): break
  case (.complete, .waits): if parts.isRecordCut { explanation = .restOfRecord }
  case (.complete, .refuses(let reason)): explanation = earlyRefusal(reason, parts)
  case (.complete(let hello), .takes(let name)): if name == hello.name { return nil }
  case (.complete(let hello), .refusesLater(let reason, let name)):
    if name == nil || name == hello.name { explanation = lateRefusal(reason, hello, parts) }
  case (.refused(let refusal), .takes): explanation = tolerance(of: refusal, parts)
  case (.refused(let refusal), .refusesLater):
    explanation = tolerance(of: refusal, parts)
    if explanation == nil, isRefusedByBoth(refusal, parts) { return nil }
  }
  if let explanation { return explanation }
  throw Violation("nothing explains it: we \(ours), OpenSSL \(theirs)")
}

/// What OpenSSL refuses before it has taken the structure of the ClientHello.
private func earlyRefusal(_ reason: String, _ parts: Parts) -> Difference? {
  switch reason {
  case "wrong version number" where parts.hasOddVersions: .recordVersion
  case "bad extension" where parts.extensions.contains { [14, 65000].contains($0.type) }: .misplacedExtension
  default: nil
  }
}

/// What OpenSSL refuses after that: the body of an extension, or what it cannot negotiate. What is opaque to a router is left
/// out, and OpenSSL is asked once more.
private func lateRefusal(_ reason: String, _ hello: ClientHello, _ parts: Parts) -> Difference? {
  if case .takes(hello.name) = OpenSSL(parts.withNameAndProtocolsOnly) {
    return complaintsOfSuites.contains(reason) ? nil : .negotiation
  }
  if parts.nameTypes != [0] { return .nameTypes }
  guard let name = hello.serverName else { return nil }
  return name.count > 255 || name.contains(0) ? .nameThatIsNone : nil
}

/// What OpenSSL lets pass.
private func tolerance(of refusal: Refusal, _ parts: Parts) -> Difference? {
  switch refusal {
  case .emptyRecord: .emptyRecord
  case .clientHelloTooLong(let length) where length <= longestOfOpenSSL: .longHello
  case .repeatedExtension(let type) where !typesOfOpenSSL.contains(type): .repeatedExtension
  case .lengthOutOfRange(.serverName, 0): .emptyName
  case .unexpectedRecord(contentType: 0x80...0xff) where parts.bytes.count > 2 && parts.bytes[2] == 1: .version2Hello
  default: nil
  }
}

private func isRefusedByBoth(_ refusal: Refusal, _ parts: Parts) -> Bool {
  switch refusal {
  // OpenSSL looks at these only when it negotiates.
  case .lengthOutOfRange(.cipherSuites, _), .truncated(.cipherSuites): return true
  case .lengthOutOfRange(.legacyCompressionMethods, 0): return true
  case .truncated(let field), .leftover(let field), .lengthOutOfRange(let field, _):
    let read: [Field] = [
      .serverNameList, .serverName, .protocolNameList, .protocolName, .extension(0), .extension(16),
    ]
    guard read.contains(field) else { return false }
  case .repeatedNameType: break
  default: return false
  }
  if case .takes = OpenSSL(parts.withNameAndProtocolsOnly) { return false }
  return true
}

extension ClientHello {
  fileprivate var name: [UInt8]? { serverName.map(Array.init) }
}

/// What OpenSSL says of a vector of suites that is empty or odd. It looks at that later than at the other vectors, and we
/// look at it too.
private let complaintsOfSuites: Set<String> = ["no ciphers specified", "error in received cipher list"]

/// The extensions of a ClientHello that OpenSSL 3.0 reads (SSL_extension_supported(3)).
private let typesOfOpenSSL: Set<UInt16> = [
  0, 1, 5, 10, 11, 12, 13, 14, 16, 18, 21, 22, 23, 35, 41, 42, 43, 44, 45, 47, 49, 50, 51, 13172, 65281,
]

/// The longest ClientHello that has every vector at its longest.
private let longestOfOpenSSL = 131_396
