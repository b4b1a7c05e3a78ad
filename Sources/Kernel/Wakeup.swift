import CLinux
import Glibc

/// Lets one thread wake another out of its wait. The corresponding C function is `eventfd`.
package struct Wakeup: ~Copyable, Sendable {
  private let descriptor: Descriptor

  package var number: Int32 { descriptor.number }

  package init() throws(Errno) {
    descriptor = Descriptor(owning: try call { eventfd(0, Int32(EFD_NONBLOCK | EFD_CLOEXEC)) })
  }

  package func signal() { _ = try? call { eventfd_write(descriptor.number, 1) } }

  /// Waits until it is signalled, or `milliseconds` at most; -1 is for ever. The corresponding C function is `poll`.
  package func wait(milliseconds: Int32 = -1) {
    var poller = pollfd(fd: descriptor.number, events: Int16(POLLIN), revents: 0)
    _ = unsafe poll(&poller, 1, milliseconds)
    clear()
  }

  package func clear() {
    var count: eventfd_t = 0
    unsafe eventfd_read(descriptor.number, &count)
  }
}
