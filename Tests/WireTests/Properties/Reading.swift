package import Wire

/// What the reader says of these bytes when they come at once.
package func progress(_ bytes: [UInt8]) -> HelloReader.Progress {
  var reader = HelloReader()
  return reader.read(bytes.span)
}

/// What the reader says at last when the bytes come in segments of the sizes that `next` gives.
func progress(_ bytes: [UInt8], inSegmentsOf next: () -> Int) -> HelloReader.Progress {
  var reader = HelloReader()
  var result = reader.read(Span())
  var start = 0
  while start < bytes.count {
    let end = min(bytes.count, start + next())
    result = reader.read(bytes.span.extracting(start..<end))
    guard case .needs = result else { return result }
    start = end
  }
  return result
}

/// The corpus folder that the bytes belong in.
func verdict(_ progress: HelloReader.Progress) -> String {
  switch progress {
  case .needs: "incomplete"
  case .refused(let refusal): refusal.alert.map(folder) ?? "none"
  case .complete(let hello):
    if let name = hello.serverName {
      (try? HostName(name)) == nil ? folder(.unrecognizedName) : "hello"
    } else {
      folder(.missingExtension)
    }
  }
}

/// The name that RFC 8446, section 6, gives the alert.
private func folder(_ alert: Alert) -> String {
  switch alert {
  case .unexpectedMessage: "unexpected_message"
  case .recordOverflow: "record_overflow"
  case .illegalParameter: "illegal_parameter"
  case .decodeError: "decode_error"
  case .internalError: "internal_error"
  case .missingExtension: "missing_extension"
  case .unrecognizedName: "unrecognized_name"
  }
}

/// The same without the number of missing bytes, which depends on how the rest will be cut into records.
func withoutCount(_ progress: HelloReader.Progress) -> HelloReader.Progress {
  if case .needs = progress { .needs(atLeast: 1) } else { progress }
}
