import Kernel
import Status
import StatusReport

/// The status file, read anew each time: a sniproxy that starts puts a new one in its place.
struct Source: Sendable {
  let path: String

  func read() -> Result<Reading, StatusFile.Flaw> {
    Result { () throws(StatusFile.Flaw) in Reading(try StatusFile.read(path), at: monotonicNow()) }
  }

  func reading() throws(Failure) -> Reading {
    do throws(StatusFile.Flaw) {
      return try read().get()
    } catch {
      let text = "cannot read \(printable(path)): \(error)"
      if case .unreadable = error { throw .system(text) }
      throw .usage(text)
    }
  }
}
