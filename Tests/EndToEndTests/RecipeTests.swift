import Foundation
import Testing

/// What README.md tells the reader to type, typed as it stands there, on a machine of its own with nothing but Debian's packages
/// and the source. See `Page` for how the page marks it.
@Suite(
  .scratch, .serialized, .requiresNamespaces, .inShippedUnit,
  .requires(
    "make", "systemctl", "unshare", "nsenter", "runuser", "useradd", "curl", "openssl", "nginx", "haproxy",
    "python3")
)
struct RecipeTests {
  @Test(arguments: ["nginx", "users", "move", "headers", "hashed", "hostname", "handoff"])
  func `a recipe works as it is written`(recipe: String) throws {
    try #require(Self.readme.steps.last { $0.recipe == recipe }?.output != nil, "it ends with what is to be seen")
    try Reader().follow(Self.readme, recipe)
  }

  @Test func `the example of many users goes on where the recipe ends`() throws {
    let reader = try Reader()
    try reader.follow(Self.readme, "users")
    try reader.follow(Self.multiUser, "multi-user")
  }

  @Test func `no commands are left out`() throws {
    let readme = try Self.readme
    #expect(readme.unclaimed.isEmpty, "lines of README.md")
    let known: Set = ["installation", "nginx", "users", "move", "headers", "hashed", "hostname", "handoff"]
    // Typed by AccessLogTests.
    let others: Set = ["access-log"]
    #expect(Set(readme.steps.map(\.recipe)) == known.union(others))
    let example = try Self.multiUser
    #expect(example.unclaimed.isEmpty, "lines of \(example.name)")
    #expect(Set(example.steps.map(\.recipe)) == ["multi-user"])
  }

  private static var readme: Page { get throws { try Page("README.md", section: "Recipes") } }
  private static var multiUser: Page { get throws { try Page("examples/multi-user/README.md") } }
}

/// Who follows a page, as root at a shell of a machine where sniproxy was just installed, as README.md tells.
private struct Reader {
  init() throws {
    let machine = try Scratch.current.directory("installed")
    try Self.put(Self.apt, at: "\(machine)/usr/local/sbin/apt-get")
    let places = Set([Program.package, Program.directory])
    self.machine = try Machine(installed: machine, mounts: .init(uniqueKeysWithValues: places.map { ($0, $0) }))
    let readme = try Page("README.md")
    for step in readme.steps where step.recipe == "installation" { try type(step, of: readme, in: Program.package) }
  }

  /// Types the commands of the recipe; they must do what the page says.
  func follow(_ page: Page, _ recipe: String) throws {
    for step in page.steps where step.recipe == recipe { try type(step, of: page, in: "~") }
  }

  private func type(_ step: Page.Step, of page: Page, in directory: String) throws {
    let file = Scratch.current.file("commands")
    try "exec 2>&1\ncd \(directory)\n\(step.commands)".write(toFile: file, atomically: false, encoding: .utf8)
    let shell =
      step.user.map { ["runuser", "--login", $0, "--command", "bash -e \(file)"] }
      ?? ["env", "-i"] + Self.environment + ["bash", "-e", file]
    var printed = ""
    func attempt() throws -> Bool {
      let done = try machine.run(shell[0], Array(shell.dropFirst()))
      printed = "status \(done.status):\n\(done.output)\(done.error)"
      return step.status.map { done.status == .exited($0) } != false && step.prints(done.output)
    }
    let alarm = Alarm(in: step.again ? patience : 0)
    while try !attempt() {
      guard alarm.remaining > 0 else {
        let journal = try machine.run("journalctl", "--boot", "--output", "cat").output
        let expected = step.output.map { "instead of:\n\($0)" } ?? ""
        throw Failure("\(page.name), line \(step.line): \(printed)\(expected)the journal:\n\(journal)")
      }
      usleep(50_000)
    }
  }

  private let machine: Machine

  /// As a login of root has it. make takes the programs that are there.
  private static let environment = [
    "HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8",
    "MAKEFLAGS=PROGRAMS=\(Program.directory)",
  ]

  /// The machine has no network, but what packaging/debian-packages names: what a reader installs must be among that.
  private static let apt = """
    #!/bin/sh
    test "$1 $2" = "install --yes" || exit 100
    shift 2
    for package; do
      test "$(dpkg-query --show --showformat '${db:Status-Status}' "$package")" = installed || exit 100
    done

    """

  private static func put(_ script: String, at path: String) throws {
    let directory = URL(filePath: path).deletingLastPathComponent()
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    try script.write(toFile: path, atomically: false, encoding: .utf8)
    try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path)
  }
}
