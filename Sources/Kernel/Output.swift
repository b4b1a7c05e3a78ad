import Glibc

/// Writes the whole text, however many calls it takes. The corresponding C function is `write`.
///
/// - Returns: the error of the call that failed; nil if none did.
package func writeAll(_ text: String, to number: Int32) -> Errno? {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    do throws(Errno) {
      let count = try call { unsafe rest.withUnsafeBytes { unsafe write(number, $0.baseAddress!, $0.count) } }
      rest.removeFirst(count)
    } catch {
      return error
    }
  }
  return nil
}
