import Relay
import Wire
import WrittenNames

/// What an entry's name says: which hostname it is for, whether a client can ask for that, and what it should be called.
struct EntryReading {
  struct Flaw: Equatable {
    let severity: Finding.Severity
    let code: Finding.Code
    let text: String
  }

  /// nil where it cannot be known.
  private(set) var host: HostName?
  /// True if there may be a client who is led to this entry.
  private(set) var isReachable = false
  private(set) var flaw: Flaw?
  /// What to rename it to.
  private(set) var rename: [UInt8]?

  init(_ entry: [UInt8], hashed: Bool) {
    if entry.first == UInt8(ascii: ".") {
      flaw = Flaw(
        severity: .note, code: .ignored,
        text: "it is no hostname: a name that begins with a dot is good for the moment of a swap only")
    } else if entry == Self.foundFiles {
      flaw = Flaw(
        severity: .note, code: .ignored,
        text: "it is no hostname: fsck(8) makes it at the top of a file system, for what it finds there")
    } else if hashed {
      readHash(entry)
    } else {
      readName(entry)
    }
  }

  private mutating func readName(_ entry: [UInt8]) {
    if Self.isHash(entry) || Self.isHash(lower(entry)) {
      mixed(
        "it looks like the SHA-256 of a name, and without --hashed no client can ask for it: it is longer than a label of a hostname"
      )
      return
    }
    do throws(HostName.Flaw) {
      let name = try HostName(entry[...])
      guard name.bytes == entry else {
        return unreachable("it has upper-case letters, and names are looked up in lower case", name.bytes)
      }
      (host, isReachable) = (name, true)
      checkALabels(entry)
    } catch {
      guard let text = String(validating: entry, as: UTF8.self) else { return unreachable("it is not ASCII", nil) }
      do throws(Mistake) {
        unreachable(Self.reason(error, entry), try HostName(written: text).bytes)
      } catch {
        unreachable("it is \(error)", nil)
      }
    }
  }

  /// Names that no browser makes of what a person types can be asked for all the same.
  private mutating func checkALabels(_ entry: [UInt8]) {
    let labels = entry.split(separator: UInt8(ascii: "."))
    guard labels.contains(where: { $0.starts(with: "xn--".utf8) }) else { return }
    do throws(InternationalFlaw) {
      // ICU gives back what is all right.
      guard try toASCII(String(decoding: entry, as: UTF8.self)) != entry else { return }
      notALabel("it is not what browsers make of the name that it stands for")
    } catch .unavailable {
      // Nothing can be said then.
    } catch {
      notALabel("\(Mistake.international(error))".replacing(prefix: "no hostname: ", with: ""))
    }
  }

  private mutating func notALabel(_ reason: String) {
    flaw = Flaw(
      severity: .warning, code: .notAnALabel,
      text: "a label that starts with xn-- is no A-label, so no browser asks for this name: \(reason)")
  }

  private mutating func readHash(_ entry: [UInt8]) {
    if Self.isHash(entry) {
      isReachable = true
    } else if Self.isHash(lower(entry)) {
      unreachable("it has upper-case letters, and sums are looked up in lower case", lower(entry))
    } else if let text = String(validating: entry, as: UTF8.self), let name = try? HostName(written: text) {
      host = name
      rename = name.entryName(hashed: true)
      mixed("it is a plain name, and with --hashed entries are named by the SHA-256 of the name")
    } else {
      unreachable("it is no SHA-256, which has 64 digits of 0-9 and a-f", nil)
    }
  }

  private mutating func mixed(_ text: String) { flaw = Flaw(severity: .problem, code: .hashedMixed, text: text) }

  private mutating func unreachable(_ reason: String, _ rename: [UInt8]?) {
    flaw = Flaw(severity: .problem, code: .nameUnreachable, text: "no client can ask for this name: \(reason)")
    self.rename = rename
  }

  private static let foundFiles = Array("lost+found".utf8)

  private static func reason(_ flaw: HostName.Flaw, _ entry: [UInt8]) -> String {
    switch flaw {
    case .trailingDot: "it ends with a dot, and clients leave that out"
    case .illegalByte(let byte) where byte >= 0x80: "it is not ASCII, and clients ask for its xn-- form"
    default: "it is no hostname"
    }
  }

  private static func isHash(_ entry: [UInt8]) -> Bool {
    entry.count == 64
      && entry.allSatisfy {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains($0)
      }
  }
}

private func lower(_ bytes: [UInt8]) -> [UInt8] {
  bytes.map { (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains($0) ? $0 | 0x20 : $0 }
}

extension String {
  fileprivate func replacing(prefix: String, with other: String) -> String {
    hasPrefix(prefix) ? other + dropFirst(prefix.count) : self
  }
}
