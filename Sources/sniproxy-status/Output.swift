import Glibc
import Kernel
import Wire

/// A line on standard error. That one cannot be written is nothing to tell anywhere.
func complain(_ message: String) {
  _ = writeAll("sniproxy-status: \(visibleLines(message))\n", to: STDERR_FILENO)
}

/// Writes to standard output.
func write(_ text: String) throws(Failure) {
  if let error = writeAll(text, to: STDOUT_FILENO) { throw .system("write to", "standard output", error.code) }
}
