import CLinux
import Glibc

/// Lets one thread wake another out of its wait. The corresponding C function is `eventfd`.
package struct Wakeup: ~Copyable, Sendable {
  private let descriptor: Descriptor

  package var number: Int32 { descriptor.number }

  package init() throws(Errno) {
    descriptor = Descriptor(owning: try call { eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC)) })
  }

  package func signal() { eventfd_write(descriptor.number, 1) }

  package func clear() {
    var count: eventfd_t = 0
    unsafe eventfd_read(descriptor.number, &count)
  }
}
