package import Properties

/// What libFuzzer calls with each input. A property that does not hold ends the program, and libFuzzer keeps the input.
package func fuzz(_ property: Property, _ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
  do throws(Violation) {
    try property.check(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
  } catch {
    fatalError("\(property.rawValue): \(error)")
  }
  return 0
}
