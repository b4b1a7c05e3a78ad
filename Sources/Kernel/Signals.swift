import CLinux
import Glibc

/// Signals as something to read. The corresponding C functions are `pthread_sigmask` and `signalfd`.
package struct Signals: ~Copyable {
  private let descriptor: Descriptor

  package var number: Int32 { descriptor.number }

  /// Blocks the signals in the calling thread and all that it starts, and ignores `SIGPIPE` and `SIGXFSZ`: what they tell, a write tells too.
  ///
  /// A blocked signal is reported here even where it came to us ignored, as from nohup(1).
  package init(_ numbers: [Int32]) throws(Errno) {
    var set = sigset_t()
    unsafe sigemptyset(&set)
    for number in numbers { unsafe sigaddset(&set, number) }
    let status = unsafe pthread_sigmask(SIG_BLOCK, &set, nil)
    guard status == 0 else { throw Errno(status) }
    for ignored in [SIGPIPE, SIGXFSZ] { _ = signal(ignored, SIG_IGN) }
    descriptor = Descriptor(owning: try call { unsafe signalfd(-1, &set, Int32(SFD_NONBLOCK | SFD_CLOEXEC)) })
  }

  /// "SIGTERM"; the corresponding C function is `sigabbrev_np`.
  package static func name(_ number: Int32) -> String {
    guard let name = unsafe sigabbrev_np(number) else { return "signal \(number)" }
    return unsafe "SIG\(String(cString: name))"
  }

  /// The number of the next pending signal; nil if there is none.
  package func next() -> Int32? {
    var information = signalfd_siginfo()
    let size = MemoryLayout<signalfd_siginfo>.size
    guard unsafe read(descriptor.number, &information, size) == size else { return nil }
    return Int32(information.ssi_signo)
  }
}
