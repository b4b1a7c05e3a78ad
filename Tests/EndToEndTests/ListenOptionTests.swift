import Foundation
import Testing

/// Options of listeners with `libsniproxy-listen.so`.
@Suite(.scratch, .requires("python3")) struct ListenOptionTests {
  @Test func `a listener tells of itself what a TCP listener tells`() throws {
    try PreloadedPython().run(
      """
      for host in "0.0.0.0", "::":
          for late in True, False:
              listener = server(host) if late else bound(host)
              assert listener.getsockopt(SOL, socket.SO_TYPE) == socket.SOCK_STREAM
              assert listener.getsockopt(SOL, socket.SO_DOMAIN) == listener.family
              assert listener.getsockopt(SOL, socket.SO_PROTOCOL) == TCP
              assert listener.getsockopt(SOL, socket.SO_ACCEPTCONN) == late
              assert listener.getsockopt(SOL, socket.SO_ERROR) == 0
              copy = socket.socket(fileno=os.dup(listener.fileno()))
              assert (copy.family, copy.type, copy.proto) == (listener.family, socket.SOCK_STREAM, TCP)
              listener.close()
              copy.close()
      """)
  }

  /// Level, option, value; as the option is told; and whether clients have it.
  private static let options = """
    OPTIONS = [
        (TCP, socket.TCP_NODELAY, 1, True), (TCP, socket.TCP_KEEPIDLE, 77, True), (TCP, socket.TCP_KEEPINTVL, 7, True),
        (TCP, socket.TCP_KEEPCNT, 3, True), (TCP, socket.TCP_USER_TIMEOUT, 4321, True), (TCP, socket.TCP_CORK, 1, True),
        (TCP, socket.TCP_NOTSENT_LOWAT, 16384, True), (TCP, socket.TCP_CONGESTION, b"reno".ljust(16, b"\\0"), True),
        (TCP, socket.TCP_DEFER_ACCEPT, 3, False), (TCP, socket.TCP_FASTOPEN, 5, False),
        (SOL, socket.SO_KEEPALIVE, 1, True), (SOL, socket.SO_RCVBUF, 30000, True), (SOL, socket.SO_SNDBUF, 40000, True),
        (SOL, socket.SO_LINGER, struct.pack("ii", 1, 5), True), (SOL, socket.SO_PRIORITY, 4, True),
        (SOL, socket.SO_RCVTIMEO, struct.pack("ll", 5, 0), True), (SOL, socket.SO_OOBINLINE, 1, True),
        (SOL, socket.SO_REUSEADDR, 1, False), (socket.IPPROTO_IP, socket.IP_TOS, 0x10, True),
    ]
    def told(one, level, name, value):
        return one.getsockopt(level, name, len(value)) if isinstance(value, bytes) else one.getsockopt(level, name)
    model = socket.socket()
    for level, name, value, _ in OPTIONS:
        model.setsockopt(level, name, value)
    def check(one, is_client):
        for level, name, value, is_inherited in OPTIONS:
            if is_inherited or not is_client:
                found, wanted = told(one, level, name, value), told(model, level, name, value)
                assert found == wanted, (level, name, found, wanted)

    """

  @Test(arguments: [("before bind", 0), ("before listen", 1), ("after listen", 2)])
  func `options are kept, and clients have them`(when: String, number: Int) throws {
    try PreloadedPython().run(
      Self.options + """
        listener = socket.socket()
        listener.setblocking(False)
        steps = [lambda: listener.bind(("", 443)), listener.listen]
        def set():
            for level, name, value, _ in OPTIONS:
                listener.setsockopt(level, name, value)
        steps.insert(\(number), set)
        for step in steps:
            step()
        check(listener, False)
        one = client()
        accepted = listener.accept()[0]
        check(accepted, True)
        other = [client(), client()]
        in_child(lambda: (check(listener, False), check(listener.accept()[0], True)))
        listener.setsockopt(TCP, socket.TCP_NODELAY, 0)
        assert listener.accept()[0].getsockopt(TCP, socket.TCP_NODELAY) == 0, "the last one holds"
        """)
  }

  @Test func `what a TCP socket refuses is refused`() throws {
    try PreloadedPython().run(
      """
      listener = server()
      fails(errno.ENOPROTOOPT, listener.setsockopt, TCP, 9999, 1)
      fails(errno.ENOPROTOOPT, listener.getsockopt, TCP, 9999)
      fails(errno.EINVAL, listener.setsockopt, TCP, socket.TCP_KEEPIDLE, -1)
      fails(errno.ENOENT, listener.setsockopt, TCP, socket.TCP_CONGESTION, b"no-such-control")
      open = descriptors()
      for value in range(2000):
          listener.setsockopt(SOL, socket.SO_KEEPALIVE, value % 2)
          assert listener.getsockopt(TCP, socket.TCP_NODELAY) == 0
      assert descriptors() == open
      local = socket.socket(socket.AF_UNIX)
      fails(errno.EOPNOTSUPP, local.setsockopt, TCP, socket.TCP_NODELAY, 1)
      fails(errno.EOPNOTSUPP, local.getsockopt, TCP, socket.TCP_NODELAY)
      """)
  }

  @Test func `SO_RCVTIMEO is how long accept waits`() throws {
    try PreloadedPython().run(
      """
      listener = server()
      listener.setblocking(True)
      listener.setsockopt(SOL, socket.SO_RCVTIMEO, struct.pack("ll", 0, 20000))
      assert libc.accept(listener.fileno(), None, None) == -1 and ctypes.get_errno() == errno.EAGAIN
      """)
  }
}
