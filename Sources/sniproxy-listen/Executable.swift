import CLinux
import Glibc
import Kernel

/// The file that the kernel runs for a command.
struct Executable {
  let path: String

  /// Where execvp(3) finds the command.
  init(ofCommand name: String) throws(Failure) {
    if name.contains("/") {
      path = name
      if let error = Self.error(name) { throw .command(name: name, error) }
      return
    }
    var last = Errno.noSuchFileOrDirectory
    let directories = (Environment.value("PATH") ?? "/bin:/usr/bin").split(
      separator: ":", omittingEmptySubsequences: false)
    for directory in directories {
      let candidate = directory.isEmpty ? "./\(name)" : "\(directory)/\(name)"
      guard let error = Self.error(candidate) else {
        path = candidate
        return
      }
      if error == .permissionDenied { last = error }
    }
    throw .command(name: name, last)
  }

  private init(path: String) { self.path = path }

  /// Why it cannot be run; nil if it can. The corresponding C functions are `stat` and `access`.
  private static func error(_ path: String) -> Errno? {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return Errno(errno) }
    guard status.st_mode & S_IFMT == S_IFREG else { return .permissionDenied }
    return unsafe access(path, X_OK) == 0 ? nil : Errno(errno)
  }

  /// What cannot be read is believed to be well.
  func checkThatItTakes(_ library: Library) throws(Failure) {
    try Self(path: interpreter(depth: 0)).checkProgram()
  }

  /// The program that runs a script; the file itself if it is none. `#!/usr/bin/env NAME` leads to NAME.
  private func interpreter(depth: Int) throws(Failure) -> String {
    let start = (try? OpenFile(path: path).bytes(most: Self.lineLimit)) ?? []
    guard depth < Self.mostInterpreters, start.starts(with: "#!".utf8) else { return path }
    let line = String(decoding: start.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") }, as: UTF8.self)
    let words = line.split { " \t\r".contains($0) }.map(String.init)
    guard let program = words.first else { return path }
    let isEnvironment = program.split(separator: "/").last == "env"
    let named = words.dropFirst().first { !$0.hasPrefix("-") && !$0.contains("=") }
    if isEnvironment, let named { return try Executable(ofCommand: named).interpreter(depth: depth + 1) }
    return try Executable(path: program).interpreter(depth: depth + 1)
  }

  private func checkProgram() throws(Failure) {
    func refuse(_ why: String, _ advice: String) -> Failure { .refused("cannot serve", path, why, advice) }
    let bytes = (try? OpenFile(path: path).bytes(most: Self.imageLimit)) ?? []
    if let image = Image(bytes) {
      guard let own = try? OpenFile(path: "/proc/self/exe").bytes(most: Self.imageLimit), let ours = Image(own) else {
        return
      }
      guard image.machine == ours.machine else {
        throw refuse("it is a program for another kind of processor", "use one for this machine's own")
      }
      guard let linker = image.linker else {
        throw refuse(
          "it is linked statically, so it loads no library",
          "use a build that is linked dynamically, or a server that takes clients from tls-handoff itself")
      }
      guard linker.name == ours.linker?.name ?? linker.name else {
        throw refuse(
          "it is linked with another C library (\(linker.path))",
          "use a build for \(ours.linker?.path ?? "this machine's")")
      }
    }
    try checkPrivileges(refuse)
  }

  /// ld.so(8): a program that runs with more rights than whoever started it loads no library that those name.
  private func checkPrivileges(_ refuse: (_ why: String, _ advice: String) -> Failure) throws(Failure) {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return }
    let changesUser = status.st_mode & S_ISUID != 0 && status.st_uid != getuid()
    let changesGroup = status.st_mode & S_ISGID != 0 && status.st_gid != getgid()
    if changesUser || changesGroup {
      throw refuse(
        "it runs as another user or group (set-user-ID or set-group-ID), so the linker ignores LD_PRELOAD",
        "start it as that user, or use a copy without the bit")
    }
    let capabilities = unsafe getxattr(path, "security.capability", nil, 0)
    if getuid() != 0 && capabilities > 0 {
      throw refuse(
        "it has capabilities of its own, so the linker ignores LD_PRELOAD",
        "take them away with setcap -r: for a port that is handed over none is needed")
    }
  }

  /// As the kernel has them: `BINPRM_BUF_SIZE`, and how many scripts may be interpreters of scripts.
  private static let (lineLimit, mostInterpreters) = (256, 5)
  private static let imageLimit = 65_536
}
