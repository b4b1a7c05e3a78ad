import Glibc
import Wire

/// A line on standard error. That one cannot be written is nothing to tell anywhere.
func complain(_ message: String) {
  _ = writeAll("\(visibleLines(message))\n", to: STDERR_FILENO)
}

/// False, and told, if standard output does not take it all.
func write(_ text: String) -> Bool {
  guard let error = writeAll(text, to: STDOUT_FILENO) else { return true }
  complain("sniproxy-hostname: cannot write to standard output: \(unsafe String(cString: strerror(error)))")
  return false
}

/// The error number of the write that failed; nil if none did.
private func writeAll(_ text: String, to descriptor: Int32) -> Int32? {
  var rest = Array(text.utf8)[...]
  while !rest.isEmpty {
    let count = unsafe rest.withUnsafeBytes { unsafe Glibc.write(descriptor, $0.baseAddress!, $0.count) }
    if count >= 0 {
      rest.removeFirst(count)
    } else if errno != EINTR {
      return errno
    }
  }
  return nil
}
