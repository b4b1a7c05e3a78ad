import CBench
import Glibc

/// What ends a run: something that must not happen in a measurement, told in one line.
public struct Failure: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) {
    self.description = description
  }

  /// The failed call's name with the reason that errno gives.
  static func of(_ call: String, _ code: Int32 = errno) -> Failure {
    Failure("\(call): \(String(cString: strerror(code)))")
  }
}

/// The call's result, unless it is -1.
@inline(__always)
func checked(_ call: StaticString, _ result: Int32) throws(Failure) -> Int32 {
  if result == -1 { throw .of("\(call)") }
  return result
}

/// Somebody pressed Ctrl-C or wants us to end otherwise.
public func checkInterruption() throws(Failure) {
  if bench_interrupted() != 0 { throw Failure("interrupted") }
}
