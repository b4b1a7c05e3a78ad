import Wire

/// A name is taken exactly if it is legal, and comes out in lower case, as the name of a directory entry that leads
/// nowhere else.
func checkHostName(_ raw: [UInt8]) throws(Violation) {
  let name: HostName
  do throws(HostName.Flaw) {
    name = try HostName(raw[...])
  } catch {
    return try demand(!isLegal(raw), "refused as \(error), but legal: \(raw)")
  }
  try demand(isLegal(raw), "taken, but not legal: \(raw)")
  try demand(name.bytes == raw.map(inLowerCase), "not the lower case of \(raw): \(name.bytes)")
  try demand((try? HostName(name.bytes[...])) == name, "not the same when it is read again: \(name)")
  try demand(!name.bytes.contains(UInt8(ascii: "/")) && !name.bytes.contains(0), "no name of an entry: \(name)")
  try demand(name.bytes.first != UInt8(ascii: "."), "hidden, or a way out: \(name)")
  try demand(Array(name.description.utf8) == name.bytes, "not described as it is: \(name)")
}

/// Labels of 1 to 63 of `a-z 0-9 - _`, not starting or ending with `-`; at most 253 bytes in all; the last label is not
/// all digits.
private func isLegal(_ raw: [UInt8]) -> Bool {
  let labels = raw.map(inLowerCase).split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
  return raw.count <= 253 && labels.allSatisfy(isLegalLabel) && !labels[labels.count - 1].allSatisfy(isDigit)
}

private func isLegalLabel(_ label: ArraySlice<UInt8>) -> Bool {
  (1...63).contains(label.count) && label.first != hyphen && label.last != hyphen
    && label.allSatisfy { isDigit($0) || (97...122).contains($0) || $0 == hyphen || $0 == 95 }
}

private func isDigit(_ byte: UInt8) -> Bool { (48...57).contains(byte) }

private func inLowerCase(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }

private let hyphen: UInt8 = 45
