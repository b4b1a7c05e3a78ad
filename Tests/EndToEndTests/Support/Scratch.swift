import Foundation
import Synchronization
import Testing

/// What a test leaves behind it: a directory of its own under /tmp, and everything that must end with the test. Tests ask for one
/// with the trait `.scratch`; whatever starts a process or opens a socket registers itself with `Scratch.current`.
///
/// The rest of the harness, each in a file of its own:
/// - `Child`: a process with captured output and chosen descriptors; `run` for those that end by themselves
/// - `Proxy` in front of a `HostsDirectory`: sniproxy, started, serving, and stopped
/// - `Listener` and `Connection`: raw sockets, for clients and backends alike; `Hello`: ClientHellos for them
/// - `Nginx`, `HAProxy`, `Certificate`: real backends
/// - `eventually`, `Alarm`: waiting for a condition, never for a time; `Scratch.inParallel`: many clients at once
final class Scratch: @unchecked Sendable {
  let path: String

  @TaskLocal private static var bound: Scratch?

  static var current: Scratch {
    guard let bound else { preconditionFailure("the test has no trait .scratch") }
    return bound
  }

  fileprivate static func with(_ body: @Sendable () async throws -> Void) async throws {
    let scratch = try Scratch()
    try await $bound.withValue(scratch) {
      defer { scratch.leave() }
      try await body()
    }
  }

  private init() throws {
    path = "/tmp/sniproxy-test.\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false)
    try FileManager.default.setAttributes(
      [.posixPermissions: Sanitizer.current == nil ? 0o755 : 0o1777], ofItemAtPath: path)
  }

  /// Does the work in threads, one for each index, all at once, and waits for them. The first error is thrown.
  static func inParallel(_ count: Int, _ work: @escaping @Sendable (Int) throws -> Void) throws {
    let threads = DispatchGroup()
    let failures = Mutex<[any Error]>([])
    for index in 0..<count {
      current.start(in: threads) { do { try work(index) } catch { failures.withLock { $0.append(error) } } }
    }
    threads.wait()
    if let failure = failures.withLock({ $0.first }) { throw failure }
  }

  /// Does the work in a thread, which whoever waits for the group waits for.
  func start(in group: DispatchGroup, _ work: @escaping @Sendable () -> Void) {
    group.enter()
    Thread.detachNewThread {
      Self.$bound.withValue(self) { work() }
      group.leave()
    }
  }

  /// A path of its own in the directory, which nothing else in the test uses.
  func file(_ name: String) -> String { "\(path)/\(next())-\(name)" }

  /// A directory of its own.
  func directory(_ name: String) throws -> String {
    let directory = file(name)
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
    return directory
  }

  /// Does this when the test ends, however it ends, before what was registered earlier.
  func atEnd(_ ending: @escaping () -> Void) {
    lock.withLock { endings.append(ending) }
  }

  private let lock = NSLock()
  private var endings: [() -> Void] = []
  private var count = 0

  private func next() -> Int {
    lock.withLock {
      count += 1
      return count
    }
  }

  private func leave() {
    while let ending = lock.withLock({ endings.popLast() }) { ending() }
    for report in Sanitizer.reports(path) { Issue.record("\(report)") }
    try? FileManager.default.removeItem(atPath: path)
  }
}

struct ScratchTrait: TestTrait, SuiteTrait, TestScoping {
  var isRecursive: Bool { true }

  func provideScope(
    for test: Test, testCase: Test.Case?, performing function: @Sendable () async throws -> Void
  ) async throws {
    try await Scratch.with(function)
  }
}

extension Trait where Self == ScratchTrait {
  static var scratch: Self { ScratchTrait() }
}
