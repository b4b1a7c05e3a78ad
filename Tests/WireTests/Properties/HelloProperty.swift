import Wire

/// What holds of every client's bytes: the verdict is that of the second reader, falls at the same byte however the bytes
/// arrive, and depends neither on the cuts between records nor on what follows.
func checkHello(_ bytes: [UInt8]) throws(Violation) {
  let whole = progress(bytes)
  try demand(Reference(whole) == Reference.read(bytes), "the readers disagree: \(whole)")
  try demand(bytes.count < longestWait || whole.isVerdict, "no verdict after \(bytes.count) bytes")
  if case .refused(let refusal) = whole { try demand(refusal.alert != nil, "no alert for \(refusal)") }
  var generator = Generator(seed: bytes)
  try checkSegments(bytes, whole, &generator)
  try checkRecords(bytes, whole, &generator)
  if case .complete(let hello) = whole { try checkUse(of: hello, firstMessage(bytes) ?? []) }
}

/// What the reader says after each of the segments; inputs are many, so each is tried with segments of one kind only, which
/// may be single bytes.
private func checkSegments(
  _ bytes: [UInt8], _ whole: HelloReader.Progress, _ generator: inout Generator
) throws(Violation) {
  let longest = [1, 8, 500].randomElement(using: &generator)!
  var reader = HelloReader()
  var last = reader.read(Span())
  var end = 0
  var promises: [(end: Int, least: Int)] = []
  while end < bytes.count, case .needs = last {
    let start = end
    end = min(bytes.count, start + Int.random(in: 1...longest, using: &generator))
    last = reader.read(bytes.span.extracting(start..<end))
    if case .needs(let count) = last { promises.append((end, count)) }
  }
  try demand(last == whole, "whole: \(whole), in segments: \(last)")
  for promise in promises {
    try demand(promise.least > 0, "no verdict after \(promise.end) bytes, though nothing is missing")
    guard case .complete = whole else { continue }
    try demand(promise.end + promise.least <= end, "after \(promise.end) bytes, \(promise.least) were missing")
  }
  if last.isVerdict, end < bytes.count {
    try demand(progress(Array(bytes[..<end])) == whole, "what follows the verdict changes it: \(whole)")
  }
}

private func checkRecords(
  _ bytes: [UInt8], _ whole: HelloReader.Progress, _ generator: inout Generator
) throws(Violation) {
  guard let message = firstMessage(bytes), !message.isEmpty else { return }
  let longest = [1, 40, 400, 1 << 14].randomElement(using: &generator)!
  let cut = progress(records(message) { .random(in: 1...longest, using: &generator) })
  try demand(withoutCount(cut) == withoutCount(whole), "as it came: \(whole), in other records: \(cut)")
}

/// What a worker does with it next.
private func checkUse(of hello: ClientHello, _ message: [UInt8]) throws(Violation) {
  try checkFingerprint(message)
  try demand(
    Array(hello.protocolNames.copy(within: 300)).count <= hello.protocols.count, "more protocols than there are")
  guard let name = hello.serverName else { return }
  try checkHostName(Array(name))
  guard (try? HostName(name)) != nil else { return }
  try checkHeaders(.example, .example, name, hello.protocols)
}

/// Every ClientHello that is taken has a fingerprint of the same form.
private func checkFingerprint(_ message: [UInt8]) throws(Violation) {
  guard let fingerprint = try? Fingerprint(message: message) else { throw Violation("no fingerprint") }
  let traits = Array(fingerprint.traits.utf8)
  try demand(traits.count == 10 && traits.allSatisfy { $0 < 0x80 }, "no traits: \(fingerprint.traits)")
  for list in [fingerprint.cipherSuites, fingerprint.extensions] where !list.isEmpty {
    let values = list.split(omittingEmptySubsequences: false) { $0 == UInt8(ascii: ",") || $0 == UInt8(ascii: "_") }
    try demand(values.allSatisfy { $0.count == 4 }, "no list: \(String(decoding: list, as: UTF8.self))")
    try demand(list.count { $0 == UInt8(ascii: "_") } <= 1, "several lists: \(String(decoding: list, as: UTF8.self))")
  }
}

extension HelloReader.Progress {
  fileprivate var isVerdict: Bool { if case .needs = self { false } else { true } }
}

extension Endpoint {
  fileprivate static let example = Endpoint.internet(.v4([192, 0, 2, 1]), port: 443)
}

/// Each byte of the longest message in a record of its own.
private let longestWait = 6 * HelloReader.longestMessage
