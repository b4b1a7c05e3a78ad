/// The one of the words that is most like the given one, if it is like it at all: with at most two letters wrong, missing, too
/// many or swapped, or if one is the beginning of the other.
package func nearest(_ word: [UInt8], in words: some Sequence<[UInt8]>) -> [UInt8]? {
  let most = min(2, word.count / 3)
  var best: (word: [UInt8], distance: Int)?
  for candidate in words where candidate != word && abs(candidate.count - word.count) <= most {
    let distance = editDistance(word, candidate)
    if distance <= best?.distance ?? most { if distance < best?.distance ?? .max { best = (candidate, distance) } }
  }
  return best?.word
}

/// How many letters must be changed, left out, put in, or swapped with the next one to make one word the other (the distance
/// of Damerau and Levenshtein, in which no letter is touched twice).
package func editDistance(_ a: [UInt8], _ b: [UInt8]) -> Int {
  var (beforeLast, last) = ([Int](repeating: 0, count: b.count + 1), Array(0...b.count))
  for row in 0..<a.count {
    var next = last
    next[0] = row + 1
    for column in 0..<b.count {
      let isSame = a[row] == b[column]
      next[column + 1] = min(last[column] + (isSame ? 0 : 1), last[column + 1] + 1, next[column] + 1)
      if row > 0, column > 0, a[row] == b[column - 1], a[row - 1] == b[column] {
        next[column + 1] = min(next[column + 1], beforeLast[column - 1] + 1)
      }
    }
    (beforeLast, last) = (last, next)
  }
  return last[b.count]
}

/// The file of a host directory that somebody meant who gave it this name; nil if it does not look like one.
package func meantFile(_ name: [UInt8]) -> StaticString? {
  let text = letters(name)
  for (file, beginnings) in meanings where beginnings.contains(where: { text.starts(with: $0) }) { return file }
  let names = meanings.map(\.file)
  guard let near = nearest(text, in: names.map { letters(Array("\($0)".utf8)) }) else { return nil }
  return names.first { letters(Array("\($0)".utf8)) == near }
}

/// True if the name of this meaning says nothing else: no version of its own, and nothing that turns a file off or keeps an old
/// one, such as ".disabled", ".bak" or "~".
package func isMisspelling(_ name: [UInt8], of file: StaticString) -> Bool {
  guard let first = name.first, let last = name.last, letters([first, last]).count == 2 else { return false }
  let (text, meant) = (letters(name), letters(Array("\(file)".utf8)))
  let beginnings = meanings.first { "\($0.file)" == "\(file)" }?.beginnings ?? []
  if text == meant || beginnings.contains(text) { return true }
  return text.first == meant.first && text.last == meant.last && editDistance(text, meant) <= 2
}

/// Lower-case letters and digits alone.
private func letters(_ name: [UInt8]) -> [UInt8] {
  name.compactMap { byte in
    switch byte {
    case UInt8(ascii: "A")...UInt8(ascii: "Z"): byte | 0x20
    case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
    default: nil
    }
  }
}

/// With what other names begin that mean it.
private let meanings: [(file: StaticString, beginnings: [[UInt8]])] = [
  (
    "send-proxy-v2",
    ["sendproxyv2", "sendproxy2", "sendproxyprotocolv2", "proxyv2", "proxyprotocolv2"].map { Array($0.utf8) }
  ),
  ("send-proxy-v1", ["sendproxy", "proxyv1", "proxyprotocol"].map { Array($0.utf8) }),
  ("tls-socket", ["tlssock", "tlssck", "tlsunix"].map { Array($0.utf8) }),
  ("tls-handoff", ["tlshand", "tlshnd", "handoff"].map { Array($0.utf8) }),
]
