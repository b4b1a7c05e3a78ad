import CBench
import Glibc

/// Clients that send half of a ClientHello and no more: a number of them at any time, of which the oldest hangs up when
/// the next one comes.
public final class HalfHellos {
  private let route: Route
  private var sockets: [Int32]
  private var oldest = 0
  private let hello = UnsafeMutableRawPointer.allocate(byteCount: Hellos.longest, alignment: 64)

  public init(_ count: Int, over route: Route) throws(Failure) {
    self.route = route
    sockets = [Int32](repeating: -1, count: count)
    for _ in 0..<count { try sendNext() }
    try pause(seconds: 0.2)
  }

  deinit {
    for socket in sockets where socket >= 0 { close(socket) }
    hello.deallocate()
  }

  /// What the proxy does with it, it does to itself: it may close it at once.
  func sendNext() throws(Failure) {
    if sockets[oldest] >= 0 { close(sockets[oldest]) }
    sockets[oldest] = try startConnecting(to: route.port)
    let length = route.hellos.write(number: 0, to: hello)
    _ = send(sockets[oldest], hello, length / 2, bench_MSG_NOSIGNAL)
    oldest = oldest + 1 == sockets.count ? 0 : oldest + 1
  }
}
