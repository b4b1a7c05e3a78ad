import Foundation
import Testing

/// The manual pages and the help texts, which tell the same.
@Suite(.scratch) struct ManualTests {
  @Test(.requires("mandoc"), arguments: ManualPage.all)
  func `mandoc finds no mistakes, and nothing of bad style`(page: ManualPage) throws {
    let lint = try run("mandoc", "-T", "lint", "-W", "style", page.path)
    // Which manuals it knows is a matter of the machine.
    let found = lint.output.split(separator: "\n").filter { !$0.contains("referenced manual not found") }
    #expect(found.isEmpty, "\(lint)")
  }

  @Test(.requires("groff"), arguments: ManualPage.all)
  func `groff warns of nothing`(page: ManualPage) throws {
    let set = try run("groff", "-mandoc", "-ww", "-Tutf8", page.path)
    #expect(set.status == .exited(0) && set.error.isEmpty, "\(set.error)")
  }

  @Test(arguments: ManualPage.all)
  func `a page has the sections that a reader looks for, and refers to pages that are there`(page: ManualPage) {
    let sections = page.lines.compactMap { $0.wholeMatch(of: /\.Sh (.+)/).map { String($0.1) } }
    let wanted = page.isProgram ? ["SYNOPSIS", "SIGNALS", "ENVIRONMENT", "EXIT STATUS"] : []
    for section in ["NAME", "DESCRIPTION", "FILES", "EXAMPLES", "SEE ALSO"] + wanted {
      #expect(sections.contains(section), "\(page) has no \(section)")
    }
    #expect(page.lines.contains(".Os Linux"), "without it the footer names the system of who formats it, or BSD")
    for line in page.lines {
      guard let reference = line.wholeMatch(of: /\.Xr (sniproxy\S*) (\d).*/) else { continue }
      let file = "\(reference.1).\(reference.2)"
      #expect(ManualPage.all.contains { $0.file == file }, "\(page) refers to \(file)")
    }
  }

  @Test(arguments: ManualPage.all.filter(\.isProgram))
  func `each option of the help is in the page, and the other way round`(page: ManualPage) throws {
    let explained = page.lines.filter { $0.hasPrefix(".It Fl ") }
      .flatMap { $0.replacing("Fl Fl ", with: "Fl -").matches(of: /\s-([a-z0-9][a-z0-9-]+)/).map { String($0.1) } }
    let offered = try help(page).split(separator: "\n")
      .compactMap { $0.firstMatch(of: /^\s\s(?:-[a-z], )?--([a-z0-9-]+)/).map { String($0.1) } }
    #expect(offered.count > 2)
    #expect(explained.sorted() == offered.sorted())
  }

  @Test(arguments: ManualPage.all.filter(\.isProgram))
  func `the help fits 80 columns`(page: ManualPage) throws {
    for line in try help(page).split(separator: "\n") { #expect(line.count <= 80) }
  }

  @Test func `the page of sniproxy-status names every metric, member and reason`() throws {
    let file = Scratch.current.file("status")
    let proxy = try Proxy(try HostsDirectory(), "--status", file)
    func told(_ form: String) throws -> String { try run(try Program.path("sniproxy-status"), file, form).output }
    let (metrics, json) = (try told("--prometheus"), try told("--json"))
    try proxy.stop()
    let page = try #require(ManualPage.all.first { $0.file == "sniproxy-status.1" })
    let named = Set(page.lines.joined(separator: "\n").split { !($0.isLetter || $0.isNumber || $0 == "_") })
    let names =
      metrics.matches(of: #/(?m)^# TYPE ([a-z0-9_]+)/#).map(\.output.1)
      + json.matches(of: #/"([a-z0-9_]+)":/#).map(\.output.1)
    #expect(names.count > 50)
    for name in Set(names) { #expect(named.contains(name), "\(name) is not in the page") }
  }

  private func help(_ page: ManualPage) throws -> String {
    let help = try run(try Program.path(page.name), "--help")
    #expect(help.status == .exited(0) && help.error.isEmpty, "\(help)")
    return help.output
  }
}

/// A page of `man/`.
struct ManualPage: CustomStringConvertible {
  let file: String

  var name: String { String(file.dropLast(2)) }
  /// Whether it is about a program and not about a file.
  var isProgram: Bool { !file.hasSuffix(".5") }
  var path: String { "\(Self.directory)/\(file)" }
  var lines: [Substring] {
    ((try? String(contentsOfFile: path, encoding: .utf8)) ?? "").split(separator: "\n")
  }
  var description: String { file }

  static let all = ((try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []).sorted().map(
    ManualPage.init)

  private static let directory = "\(Program.package)/man"
}
