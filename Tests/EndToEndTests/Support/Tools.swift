import Foundation
import Testing

/// The programs that a test uses but does not test.
enum Tool {
  static func path(_ name: String) -> String? {
    directories.lazy.map { "\($0)/\(name)" }.first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  static let directories =
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"]
    + (ProcessInfo.processInfo.environment["PATH"] ?? "").split(separator: ":").map(String.init)
}

extension Trait where Self == ConditionTrait {
  /// Skips the test where one of the tools is missing.
  static func requires(_ tools: String...) -> Self {
    let missing = tools.filter { Tool.path($0) == nil }
    return .enabled(if: missing.isEmpty, "not installed: \(missing.joined(separator: ", "))")
  }

  /// Namespaces take root, and more than root may do in many containers.
  static var requiresNamespaces: Self {
    .enabled(if: Namespaces.canBeMade, "only root can make namespaces, where the kernel and the container let it")
  }

  static var requiresRoot: Self { .enabled(if: geteuid() == 0, "only root can do this") }

  /// Sees the program's descriptors, memory or working directories.
  static var looksInside: Self { .enabled(if: geteuid() == 0, "sniproxy lets only root look inside") }
}

private enum Namespaces {
  static let canBeMade: Bool = {
    let command = ["unshare", "--mount", "--pid", "--net", "--fork", "mount", "-t", "tmpfs", "tmpfs", "/run"]
    let quiet: [Int32: Child.Source] = [0: .null, 1: .null, 2: .null]
    guard let pid = try? spawn("/usr/bin/env", command, environment: [:], descriptors: quiet) else { return false }
    var status: Int32 = 0
    while unsafe waitpid(pid, &status, 0) == -1 && errno == EINTR {}
    return status == 0
  }()
}

/// The programs under test, as `swift build -c release` leaves them.
enum Program {
  static func path(_ name: String) throws -> String {
    let path = "\(directory)/\(name)"
    guard FileManager.default.isExecutableFile(atPath: path) else {
      throw Failure("\(path) is missing: build it with `swift build -c release`, or set SNIPROXY_PROGRAMS")
    }
    return path
  }

  static let directory: String = {
    let named = ProcessInfo.processInfo.environment["SNIPROXY_PROGRAMS"] ?? ".build/release"
    return named.hasPrefix("/") ? named : "\(package)/\(named)"
  }()

  /// The directory with Package.swift.
  static let package = (0..<4).reduce(URL(filePath: #filePath)) { url, _ in url.deletingLastPathComponent() }
    .path(percentEncoded: false).trimmingSuffix("/")
}

extension String {
  fileprivate func trimmingSuffix(_ suffix: String) -> String {
    hasSuffix(suffix) ? String(dropLast(suffix.count)) : self
  }
}
