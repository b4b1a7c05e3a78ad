import Foundation
import Load

/// What the results were measured on.
enum Machine {
  static var kernel: String {
    let release = (try? text(of: "/proc/sys/kernel/osrelease")) ?? "?"
    // Without what a builder has added to the kernel's own version.
    let version = release.firstMatch(of: /[0-9]+(\.[0-9]+)+/).map { String($0.output.0) } ?? "?"
    return "Linux \(version)"
  }

  static var processor: String {
    let information = (try? text(of: "/proc/cpuinfo")) ?? ""
    return information.firstMatch(of: /model name\s*: (.*)/).map { String($0.output.1) } ?? "unknown processor"
  }
}
