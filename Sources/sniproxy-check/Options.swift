import ArgumentParser
import Wire

/// The command line.
struct Options: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sniproxy-check",
    abstract: "Say what sniproxy makes of a hosts directory, and what mends it.",
    usage: """
      sniproxy-check [OPTION ...] [HOSTS_DIR [NAME ...]]
      sniproxy-check --hello FILE [--json]
      """,
    discussion: """
      Looks up each entry of the hosts directory as sniproxy does, connects to its \
      backend, and says what becomes of clients who ask for it. As root give --user, \
      so that it looks as the user that sniproxy runs as.

      Exit status: 0 all is well; 1 there are problems or warnings; 100 wrong usage; \
      111 a system call failed.
      """,
    version: "sniproxy-check \(version)")

  @Flag(help: "Entries are named by the SHA-256 of the name.")
  var hashed = false

  @Flag(help: "The rule for delegated names is off.")
  var anySocketOwner = false

  @Option(
    help: ArgumentHelp("Started as root: become this user (NAME or UID[:GID]) first.", valueName: "user"),
    completion: .shellCommand("getent passwd | cut -d\\: -f 1"))
  var user: String?

  @Option(
    help: ArgumentHelp(
      "With --user: be in these groups too (names or numbers, with commas), as by SupplementaryGroups= of a unit.",
      valueName: "groups"),
    completion: .shellCommand("getent group | cut -d\\: -f 1"))
  var groups: String?

  @Flag(help: "Links that lead out of the hosts directory are problems.")
  var chroot = false

  @Flag(help: "Do not connect to backends, so say less about them.")
  var noConnect = false

  @Flag(help: "Look at the backends' certificates too.")
  var tls = false

  @Option(
    help: ArgumentHelp("Explain the ClientHello in this file, or in standard input (-).", valueName: "file"),
    completion: .file())
  var hello: String?

  @Flag(help: "Print JSON.")
  var json = false

  @Flag(help: "Print nothing of what is well.")
  var quiet = false

  @Option(help: ArgumentHelp("auto, always or never.", valueName: "when"))
  var color = Color.auto

  @Argument(
    help: ArgumentHelp("The hosts directory. (default: .)", valueName: "hosts-dir"), completion: .directory)
  var directory: String?

  @Argument(help: ArgumentHelp("Only these names, as a person writes them.", valueName: "name"))
  var names: [String] = []

  var hosts: String { directory ?? "." }

  enum Color: String, ExpressibleByArgument, CaseIterable {
    case auto, always, never
  }

  func validate() throws {
    if tls, noConnect { throw ValidationError("--tls with --no-connect: leave one out") }
    if groups != nil, user == nil { throw ValidationError("--groups without --user: give --user too") }
    if json, quiet { throw ValidationError("--json with --quiet: leave one out") }
    if hello != nil, directory != nil || tls || user != nil || noConnect || chroot || anySocketOwner || quiet {
      throw ValidationError(
        "--hello looks at no hosts directory: leave the rest out, but for --hashed, --json and --color")
    }
  }
}
