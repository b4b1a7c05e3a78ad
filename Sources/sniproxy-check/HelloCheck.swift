import Inspection
import Kernel
import Relay
import Wire

/// Reads a captured ClientHello and explains it.
struct HelloCheck {
  private let options: Options
  private let palette: Palette
  private let file: String

  init(_ options: Options) {
    self.options = options
    palette = Palette(options.color)
    file = options.hello ?? "-"
  }

  /// True if sniproxy would look for an entry.
  func run() throws(Failure) -> Bool {
    let report = HelloReport(try capture().bytes)
    try write(options.json ? report.json.text + "\n" : text(report))
    if case .accepted = report.verdict { return true }
    return false
  }

  private func capture() throws(Failure) -> Capture {
    let name = file == "-" ? "standard input" : shellWord(Array(file.utf8))
    let bytes = try attempt("read", name) { () throws(Errno) in try contents(of: file, atMost: Capture.longestText) }
    do throws(Capture.Flaw) {
      return try Capture(bytes)
    } catch .empty {
      throw .usage("\(name): it is empty: give the bytes that the client sent, from the first one on")
    } catch .dump {
      throw .usage(
        "\(name): it has offsets beside its hexadecimal digits, or an odd number of digits: give the bytes, or digits alone, as xxd -p "
          + "prints them")
    } catch {
      throw .usage(
        "\(name): it is a capture of packets: give one connection's bytes, such as what this prints: "
          + "tshark -r FILE -Y tls.handshake.type==1 -T fields -e tcp.payload")
    }
  }

  private func text(_ report: HelloReport) -> String {
    var text = report.lines.map { "\($0)\n" }.joined()
    switch report.verdict {
    case .accepted(let host):
      let entry = options.hashed ? String(decoding: host.entryName(hashed: true), as: UTF8.self) : host.description
      text += "\(palette.good("verdict")): accepted: sniproxy looks for the entry \(palette.strong(entry))\n"
    case .incomplete(let missing):
      text +=
        "\(palette.severity(.warning, "verdict")): incomplete: at least \(missing) more \(missing == 1 ? "byte is" : "bytes are") missing; a client who sends no more "
        + "is closed without an alert after --hello-timeout\n"
    case .refused(let refusal):
      let alert = refusal.alert.map { "alert \($0.rawValue) \($0.name)" } ?? "no alert"
      text += "\(palette.severity(.problem, "verdict")): refused with \(alert): \(refusal.reason)\n"
      if let rule = refusal.rule { text += "  \(rule.source): \"\(rule.sentence)\"\n" }
    }
    return text
  }
}
