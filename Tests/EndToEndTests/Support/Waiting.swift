import Foundation

/// What went wrong, in words: a test that throws it fails with them.
struct Failure: Error, CustomStringConvertible {
  let description: String

  init(_ description: String) { self.description = description }
}

/// How long a loaded machine may take for what takes milliseconds on an idle one.
let patience = Sanitizer.current == nil ? 20.0 : 60.0

/// Waits for the condition. `what` completes the sentence "waited in vain for ...".
func eventually(_ what: @autoclosure () -> String, within seconds: Double = patience, _ condition: () throws -> Bool)
  throws
{
  let alarm = Alarm(in: seconds)
  while try !condition() {
    guard alarm.remaining > 0 else { throw Failure("waited \(seconds) s in vain for \(what())") }
    usleep(5_000)
  }
}

/// A moment to come, on the clock that nobody sets.
struct Alarm {
  private let start = ContinuousClock.now
  private let seconds: Double

  init(in seconds: Double) { self.seconds = seconds }

  var elapsed: Double { (ContinuousClock.now - start) / .seconds(1) }
  var remaining: Double { max(0, seconds - elapsed) }

  /// As `poll` counts it, rounded up, so that it does not spin over the last millisecond.
  var milliseconds: Int32 { Int32((remaining * 1000).rounded(.up)) }
}
