package import Kernel

/// What a worker moves bytes with, from one socket to another. Sessions borrow it for a turn and keep nothing of it.
package struct Ferry: ~Copyable {
  package let buffer = Buffer(capacity: Direction.largestRead)
  private var pipe: Pipe?
  /// When a pipe may be asked for again (nanoseconds of the monotonic clock).
  private var nextAttempt = Int64.min
  /// How often none could be had.
  package private(set) var missedPipes = 0

  package init() {}

  package var hasPipe: Bool { pipe != nil }

  /// Lends the pipe, which must come back empty; nil where the kernel gives none: then all is copied.
  mutating func takePipe() -> Pipe? {
    if let lent = pipe.take() { return lent }
    guard monotonicNow() >= nextAttempt else { return nil }
    do throws(Errno) {
      return try Pipe(capacity: Direction.largestRead)
    } catch {
      missedPipes += 1
      nextAttempt = monotonicNow() + Self.attemptInterval
      return nil
    }
  }

  mutating func giveBack(_ pipe: consuming Pipe) {
    precondition(pipe.count == 0)
    self.pipe = consume pipe
  }

  private static let attemptInterval: Int64 = 1_000_000_000
}
