import Foundation
import Testing

/// The sanitizer that the tests and the programs under test are built with, where `make test-sanitize` runs them.
///
/// What it reports of a program goes to a file in the test's scratch directory, since few tests read standard error to its
/// end. The test fails with it when it ends.
enum Sanitizer: String {
  case thread, address

  static let current = ProcessInfo.processInfo.environment["SNIPROXY_SANITIZER"].flatMap { Sanitizer(rawValue: $0) }

  /// What a program needs in its environment to report to files in this directory.
  static func environment(_ directory: String) -> [String: String] {
    switch current {
    case .thread: ["TSAN_OPTIONS": "log_path=\(directory)/\(prefix)"]
    // Memory in use at the end is no fault of a program that ends with _exit.
    case .address: ["ASAN_OPTIONS": "log_path=\(directory)/\(prefix) detect_leaks=0"]
    case nil: [:]
    }
  }

  /// What was reported of the programs that ran with this directory; to standard error where one that started them did not
  /// pass on its environment.
  static func reports(_ directory: String) -> [String] {
    guard current != nil else { return [] }
    let files = (try? FileManager.default.contentsOfDirectory(atPath: directory)) ?? []
    return files.sorted().compactMap { name in
      guard name.hasPrefix(prefix) || name.hasSuffix(".err"),
        let data = FileManager.default.contents(atPath: "\(directory)/\(name)")
      else { return nil }
      let text = String(decoding: data, as: UTF8.self)
      return name.hasPrefix(prefix) || text.contains("Sanitizer: ") ? text : nil
    }
  }

  /// How often a test does what it does so many times elsewhere: under a sanitizer all is ten times as slow.
  static func rounds(_ count: Int) -> Int { current == nil ? count : count / 10 }

  private static let prefix = "sanitizer"
}

extension Trait where Self == ConditionTrait {
  /// Skips the test where the programs are built with a sanitizer, for the reason.
  static func notSanitized(_ reason: Comment) -> Self { .disabled(if: Sanitizer.current != nil, reason) }

  /// Skips the test where the programs are built with this one.
  static func notSanitized(by sanitizer: Sanitizer, _ reason: Comment) -> Self {
    .disabled(if: Sanitizer.current == sanitizer, reason)
  }

  /// Under a real systemd, in the sandbox of the unit that is shipped.
  static var inShippedUnit: Self {
    .notSanitized("the unit lets sniproxy make no system call that a sanitizer needs, nor load its libraries")
  }
}
