import Glibc
import Status

extension Reading {
  /// A page for people, of at most 80 columns.
  ///
  /// - Parameters:
  ///   - earlier: what rates are told since
  ///   - now: nanoseconds since 1970
  ///   - byWorker: with a line for each worker
  package func table(since earlier: Reading?, now: Int64, file: String, byWorker: Bool) -> String {
    let sections = Sections(reading: self, earlier: earlier, now: now)
    // Rates are of a moment; how long things take is better told of all that there was.
    let whole = Sections(reading: self, earlier: nil, now: now)
    let count = snapshot.workers.count
    let head = [sections.headline, "\(sections.dates), \(workers(count))", "status file \(printable(file))"]
    let parts = [
      head + sections.connections, sections.flow, sections.refusals(), whole.times("since start"),
      sections.ends + sections.troubles(), byWorker ? sections.byWorker : [],
    ]
    return parts.filter { !$0.isEmpty }.map { $0.joined(separator: "\n") + "\n" }.joined(separator: "\n")
  }
}

/// What would move a cursor or end a line becomes `\xNN`.
package func printable(_ text: String) -> String {
  text.unicodeScalars.reduce(into: "") { result, scalar in
    switch scalar.value {
    case 0..<0x10: result += "\\x0" + String(scalar.value, radix: 16)
    case 0x10..<0x20, 0x7f..<0xa0: result += "\\x" + String(scalar.value, radix: 16)
    default: result.unicodeScalars.append(scalar)
    }
  }
}

/// "2026-11-21 17:04:22" where the machine is. The corresponding C function is `localtime_r`.
func localTime(_ nanoseconds: Int64) -> String {
  var seconds = time_t(nanoseconds / 1_000_000_000)
  var parts = unsafe tm()
  guard unsafe localtime_r(&seconds, &parts) != nil else { return "?" }
  let date = unsafe [parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday].map(twoDigits).joined(separator: "-")
  let time = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec].map(twoDigits).joined(separator: ":")
  return "\(date) \(time)"
}

private func twoDigits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
