import Inspection
import Kernel
import Relay
import Wire
import WrittenNames

/// Looks at a hosts directory and prints what is to be said of it.
struct TreeCheck: ~Copyable {
  /// As whom the service that comes with sniproxy runs.
  private static let usualUser = "sniproxy"

  private let options: Options
  private let palette: Palette
  private var inspector: Inspector
  private var findings: [Finding]

  /// Becomes the user that is asked for, for good, before it touches the hosts directory.
  init(_ options: Options) throws(Failure) {
    var settings = Inspector.Settings()
    let user = try Self.user(options)
    // As the proxy does it, while the process may still see its own descriptors.
    let way = try attempt("find a way to look up hosts", "which takes unshare(2) with CLONE_FS or /proc") {
      () throws(Errno) in
      try SocketPath()
    }
    if let user {
      try attempt("become", "user \(shellWord(Array((options.user ?? "").utf8)))") { () throws(Errno) in
        try user.become()
      }
    } else if isRoot {
      try attempt("give up", "root's capabilities") { () throws(Errno) in try dropCapabilities() }
    }
    settings.isProxysUser = user != nil || userName(effectiveUser) == Self.usualUser
    settings.hashed = options.hashed
    settings.connects = !options.noConnect
    settings.chroot = options.chroot
    let hosts = try Self.openHosts(options)
    inspector = try attempt("look at", "hosts directory \(shellWord(Array(options.hosts.utf8)))") { () throws(Errno) in
      try Inspector(hosts, path: options.hosts, settings, by: way)
    }
    self.options = options
    palette = Palette(options.color)
    findings = inspector.findingsOfTree()
  }

  private static func user(_ options: Options) throws(Failure) -> User? {
    guard let text = options.user else { return nil }
    guard isRoot else {
      throw .usage(
        "--user \(shellWord(Array(text.utf8))): only root can become another user: leave it out, or use sudo")
    }
    guard var user = User(text) else {
      throw .usage("--user \(shellWord(Array(text.utf8))): no such user. Give NAME, UID or UID:GID")
    }
    for name in options.groups?.split(separator: ",", omittingEmptySubsequences: false) ?? [] {
      guard let group = groupNumber(String(name)) else {
        throw .usage("--groups \(shellWord(Array(name.utf8))): no such group. Give names or numbers")
      }
      user.moreGroups.append(group)
    }
    return user
  }

  private static func openHosts(_ options: Options) throws(Failure) -> HostsDirectory {
    do throws(Errno) {
      return try HostsDirectory(
        path: options.hosts, hashed: options.hashed, anySocketOwner: options.anySocketOwner, maxPerHost: nil)
    } catch .noSuchFileOrDirectory, .notDirectory {
      throw .usage("hosts directory \(shellWord(Array(options.hosts.utf8))): there is no such directory: give another")
    } catch {
      // sniproxy with --user opens it first.
      let before =
        options.user == nil
        ? "" : "; if sniproxy is started as root with --user, it does not: then go into it and give ."
      throw .system(
        "open", "hosts directory \(shellWord(Array(options.hosts.utf8)))", error,
        advice:
          "\(userName(effectiveUser) ?? "this user") needs search permission (x) on the directories on the way\(before)"
      ).withoutAdviceUnless(.permissionDenied)
    }
  }

  /// True if all is well.
  consuming func run() throws(Failure) -> Bool {
    var reports: [EntryReport] = []
    if options.names.isEmpty {
      for entry in try entries() { reports.append(inspector.inspect(entry)) }
    } else {
      for name in options.names {
        let report = try inspect(name)
        if !reports.contains(where: { $0.entry == report.entry }) { reports.append(report) }
      }
    }
    if options.tls { try Self.checkCertificates(&reports, &inspector) }
    addSummaries(reports)
    try print(reports)
    return isWell(reports)
  }

  private mutating func entries() throws(Failure) -> [[UInt8]] {
    let (names, areAll): ([[UInt8]], Bool)
    do throws(Errno) {
      (names, areAll) = try inspector.entries()
    } catch {
      throw Failure.system(
        "list", "hosts directory \(shellWord(Array(options.hosts.utf8)))", error,
        advice:
          "\(userName(effectiveUser) ?? "this user") may not read it, which sniproxy need not: give names after the directory"
      ).withoutAdviceUnless(.permissionDenied)
    }
    if !areAll {
      findings.append(Finding(.note, .notListed, "only the first \(names.count) entries were looked at"))
    }
    return names
  }

  private mutating func inspect(_ name: String) throws(Failure) -> EntryReport {
    do throws(Mistake) {
      let host = try HostName(written: name)
      return inspector.inspect(host.entryName(hashed: options.hashed), of: host)
    } catch {
      // A sum may be given in place of its name.
      if options.hashed, Self.isSum(name) { return inspector.inspect(Array(name.utf8)) }
      throw .usage("\(quoted(name)): \(error)")
    }
  }

  /// Also in upper case, which no client asks for.
  private static func isSum(_ name: String) -> Bool {
    name.utf8.count == 64 && name.unicodeScalars.allSatisfy { $0.isASCII && $0.properties.isASCIIHexDigit }
  }

  private mutating func addSummaries(_ reports: [EntryReport]) {
    let leaving = reports.count(where: \.leavesTree)
    if leaving > 0, !options.chroot {
      findings.append(
        Finding(
          .note, .leavesTree,
          "\(leaving) \(leaving == 1 ? "entry leads" : "entries lead") out of the hosts directory, which works where sniproxy is in no chroot "
            + "(--chroot tells which)"))
    }
    if let finding = SharedDirectories(reports).finding { findings.append(finding) }
    let untried = options.tls ? 0 : reports.count { $0.isHandedOver && $0.verdict == .served }
    if untried > 0 {
      findings.append(
        Finding(
          .note, .receiverUntried,
          "\(untried) \(untried == 1 ? "entry hands" : "entries hand") clients over, and whether the receiver takes them from "
            + "\(Inspector.person(effectiveUser)) is not known: --tls tries it"))
    }
    let unlisted = reports.count(where: \.isUnlisted)
    if unlisted > 0 {
      findings.append(
        Finding(
          .note, .notListed,
          "\(unlisted) host \(unlisted == 1 ? "directory" : "directories") may be searched and not listed, as it is enough for sniproxy: "
            + "misspelt files in them were not looked for"))
    }
  }

  private func isWell(_ reports: [EntryReport]) -> Bool {
    findings.allSatisfy { $0.severity == .note } && reports.allSatisfy(\.isWell)
  }

  // MARK: - Printing

  private func print(_ reports: [EntryReport]) throws(Failure) {
    if options.json { return try write(json(reports).text + "\n") }
    var text = ""
    for report in reports where !options.quiet || report.severity ?? .note > .note {
      let isGood = (report.verdict == .served || report.verdict == .unknown) && report.severity != .problem
      let summary = isGood ? palette.good(report.summary) : palette.severity(report.severity ?? .note, report.summary)
      text += "\(palette.strong(name(of: report))): \(summary)\n"
      for finding in report.findings where !options.quiet || finding.severity > .note {
        text += self.text(finding, indented: "  ")
      }
    }
    for finding in findings where !options.quiet || finding.severity > .note {
      text += self.text(finding, indented: "")
    }
    if !options.quiet { text += conclusion(reports) }
    try write(text)
  }

  private func name(of report: EntryReport) -> String {
    let entry = shellWord(report.entry)
    guard options.hashed, let host = report.host?.description, host != entry else { return entry }
    return "\(host) (\(entry))"
  }

  private func text(_ finding: Finding, indented margin: String) -> String {
    var text = "\(margin)\(palette.severity(finding.severity, finding.severity.rawValue)): \(finding.text)\n"
    for (index, mend) in finding.mends.enumerated() {
      text += "\(margin)  \(palette.faint(index == 0 ? "mend:" : "  or:")) \(mend)\n"
    }
    return text
  }

  private func conclusion(_ reports: [EntryReport]) -> String {
    let ignored = reports.count(where: \.isIgnored)
    func count(_ severity: Finding.Severity) -> Int { reports.count { $0.severity ?? .note == severity } }
    let entries = reports.count == 1 ? "1 entry" : "\(reports.count) entries"
    let well = "\(count(.note) - ignored) well" + (ignored == 0 ? "" : ", \(ignored) ignored")
    return "\(entries): \(well), \(count(.warning)) with warnings, \(count(.problem)) with problems\n"
  }

  private func json(_ reports: [EntryReport]) -> JSON {
    return .object([
      ("hosts", .string(shellWord(inspector.path))),
      ("user", .object([("id", .number(Int(effectiveUser))), ("name", JSON(userName(effectiveUser)))])),
      ("hashed", .bool(options.hashed)), ("ok", .bool(isWell(reports))),
      ("findings", .array(findings.map(\.json))), ("entries", .array(reports.map(\.json))),
    ])
  }
}
