/// What libFuzzer calls with each input. A check that throws ends the program, and libFuzzer keeps the input.
package func fuzz(_ start: UnsafePointer<UInt8>?, _ count: Int, _ check: ([UInt8]) throws -> Void) -> CInt {
  do {
    try check(unsafe Array(UnsafeBufferPointer(start: start, count: count)))
  } catch {
    fatalError("\(error)")
  }
  return 0
}
