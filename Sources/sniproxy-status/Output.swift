import Glibc

/// A line on standard error. That one cannot be written is nothing to tell anywhere.
func complain(_ message: String) {
  _ = writeAll("sniproxy-status: \(message)\n", to: STDERR_FILENO)
}

/// Writes to standard output.
func write(_ text: String) throws(Failure) {
  if let error = writeAll(text, to: STDOUT_FILENO) { throw .system("write to", "standard output", error) }
}

/// The error number of the write that failed; nil if none did.
func writeAll(_ text: String, to descriptor: Int32) -> Int32? {
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
