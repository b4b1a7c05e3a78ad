import ArgumentParser
import Crypto
import Wire
import WrittenNames

struct HostnameCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "sniproxy-hostname",
    abstract: "Print the directory name that sniproxy looks for, for each hostname.",
    usage: "sniproxy-hostname [--hashed] HOSTNAME ...",
    discussion: """
      A hostname may be written as a person writes it: in Unicode, in upper case, with a \
      trailing dot. International names are converted as browsers do it (UTS #46, \
      non-transitional). What is no hostname is told on standard error.

      Exit status: 0 success; 100 wrong usage, or what was given is no hostname; 111 a \
      system call failed.
      """,
    version: "sniproxy-hostname \(version)")

  @Flag(help: "Print the SHA-256 of the name, for sniproxy --hashed.")
  var hashed = false

  @Argument(help: ArgumentHelp("What to convert; after -- where one starts with a hyphen.", valueName: "hostname"))
  var names: [String] = []

  func run(_ arguments: Arguments) -> Int32 {
    var entries = ""
    var status = ExitStatus.success
    for name in names {
      do throws(Mistake) {
        guard arguments.areUTF8(name) else { throw Mistake.notUTF8 }
        let host = try HostName(written: name)
        entries += "\(hashed ? sha256(host.bytes) : host.description)\n"
      } catch {
        complain("sniproxy-hostname: \(arguments.quoted(name)): \(error)")
        status = max(status, error.isOfName ? ExitStatus.usage : ExitStatus.system)
      }
    }
    return write(entries) ? status : ExitStatus.system
  }
}

/// In lower-case hexadecimal.
private func sha256(_ bytes: [UInt8]) -> String {
  SHA256.hash(data: bytes).map { ($0 < 0x10 ? "0" : "") + String($0, radix: 16) }.joined()
}
