import Glibc
import Kernel

/// `libsniproxy-listen.so`, which the dynamic linker loads into the command.
struct Library {
  let path: String

  /// The one that was installed with this program, or built with it.
  init() throws(Failure) {
    guard let program = unsafe realpath("/proc/self/exe", nil) else {
      throw .system("find", "this program", Errno(errno), "see that /proc is mounted")
    }
    defer { unsafe free(program) }
    let directory = unsafe String(cString: program).split(separator: "/").dropLast().map { "/\($0)" }.joined()
    let installed = "\(directory.split(separator: "/").dropLast().map { "/\($0)" }.joined())/lib/sniproxy/\(Self.name)"
    let candidates = [installed, "\(directory)/\(Self.name)"]
    guard let path = candidates.first(where: { unsafe access($0, R_OK) == 0 }) else {
      throw .refused(
        "cannot find the library", Self.name, "it is neither \(candidates.joined(separator: " nor "))",
        "install sniproxy again")
    }
    if let character = path.first(where: { ": $\n".contains($0) }) {
      throw .refused(
        "cannot name the library", path, "LD_PRELOAD takes no path with \"\(character)\" (ld.so(8))",
        "install sniproxy elsewhere")
    }
    self.path = path
  }

  /// With what is to be loaded into the command anyway.
  var preload: String {
    guard let others = Environment.value("LD_PRELOAD"), !others.isEmpty else { return path }
    let areAll = others.split { ": ".contains($0) }.contains { $0 == path }
    return areAll ? others : "\(path):\(others)"
  }

  private static let name = "libsniproxy-listen.so"
}
