import ArgumentParser
import Glibc
import Kernel

// Signals stay as they are: the command inherits them.
do throws(Failure) {
  try run(commandLineArguments())
} catch {
  complain(error.text)
  exit(error.exitStatus)
}

/// Becomes the command.
func run(_ arguments: [String?]) throws(Failure) -> Never {
  let end = arguments.firstIndex(of: "--") ?? arguments.count
  let options = try parsed(arguments[..<end])
  guard end + 1 < arguments.count else {
    throw .usage("there is no command: write it after the directories: -- COMMAND [ARGUMENT ...]")
  }
  if let others = Environment.value("SNIPROXY_HANDOFF"), !others.isEmpty {
    throw .refused(
      "cannot add to", "SNIPROXY_HANDOFF", "it names directories already: \(others)",
      "name all directories with one sniproxy-listen, or unset it")
  }
  let command = Command(at: end + 2)
  let library = try Library()
  let executable = try Executable(ofCommand: command.name)
  try executable.checkThatItTakes(library)
  try Place.checkAll(options.places)
  var settings: [String] = []
  for place in options.places { settings.append(try place.setting) }
  let trustedUser = try options.trustedUser
  if trustedUser == nil {
    complain("clients are taken from root alone: there is no user sniproxy: name the one that it runs as with --user")
  }
  for place in options.places { place.warn() }
  Environment.set("SNIPROXY_HANDOFF", settings.joined(separator: ","))
  Environment.set("SNIPROXY_HANDOFF_USER", trustedUser.map(String.init))
  Environment.set("LD_PRELOAD", library.preload)
  throw .command(name: command.name, command.execute())
}

/// Ends the program where there is nothing to run.
func parsed(_ arguments: ArraySlice<String?>) throws(Failure) -> Options {
  if let number = arguments.firstIndex(of: nil) {
    throw .usage("argument \(number + 1) is not UTF-8: rename the directory, or name a symbolic link to it")
  }
  do {
    let options = try Options.parse(arguments.compactMap { $0 })
    // Not in validate(), which comes before unknown options are told.
    guard !options.places.isEmpty else { throw ValidationError("name a host directory") }
    return options
  } catch {
    let message = Options.fullMessage(for: error, columns: 80)
    guard Options.exitCode(for: error).isSuccess else {
      throw .usage(message.hasPrefix("Error: ") ? String(message.dropFirst("Error: ".count)) : message)
    }
    if let error = writeAll("\(message)\n", to: STDOUT_FILENO) {
      throw .system("write", "standard output", error, "see where it goes")
    }
    exit(ExitStatus.success)
  }
}
