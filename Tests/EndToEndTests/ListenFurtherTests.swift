import Testing

/// Servers with more than one listener for a port, such as `listen 443; listen [::]:443` of nginx.
@Suite(.scratch, .requires("python3")) struct ListenFurtherTests {
  /// A client of a dual-stack proxy too, whose own socket is of the other family.
  @Test(arguments: ["0.0.0.0", "::"], ["127.0.0.1", "::"])
  func `a client comes to the listener for its family`(first: String, proxy: String) throws {
    try PreloadedPython().run(
      """
      one, other = server("\(first)"), server("0.0.0.0" if "\(first)" == "::" else "::")
      four, six = (one, other) if one.family == socket.AF_INET else (other, one)

      def accepted(listener, **where):
          kept = client(**where)
          if listener is other:
              fails(errno.EAGAIN, one.accept)
          else:
              fails(errno.EAGAIN, other.accept)
          connection, address = listener.accept()
          assert address == kept.getsockname(), (address, kept.getsockname())
          assert connection.getpeername() == address
          kept.send(b"to")
          assert connection.recv(9) == b"to"
          kept.close()
          connection.close()

      before = descriptors()
      for _ in range(3):
          accepted(four, listen="\(proxy)")
          accepted(six, host="::1", listen="::1")
      assert descriptors() == before
      """)
  }

  @Test func `a client comes to the listener for its very address`() throws {
    try PreloadedPython().run(
      """
      four, every, very = server(), server("::"), server("::1")
      one = client(host="::1", listen="::")
      fails(errno.EAGAIN, four.accept)
      fails(errno.EAGAIN, every.accept)
      assert very.accept()[1] == one.getsockname()
      """)
  }

  @Test func `a client stays where no listener is for its family, or that one is gone or full`() throws {
    try PreloadedPython().run(
      """
      four = server()

      def stays():
          one = client(host="::1", listen="::1")
          assert four.accept()[0].getpeername()[1] == one.getsockname()[1]

      stays()
      six = server("::")
      six.close()
      stays()
      six = bound("::")
      six.listen(0)
      passed = client(host="::1", listen="::1")
      fails(errno.EAGAIN, four.accept)
      stays()
      assert six.accept()[1] == passed.getsockname()
      """)
  }

  /// A server that waits for several listeners calls accept(2) for one of them, and must not be kept there.
  @Test func `a listener is found under a number that was never asked about`() throws {
    try PreloadedPython().run(
      """
      four, six = server(), server("::")
      number = fcntl.fcntl(six, fcntl.F_DUPFD, 500)
      six.close()
      one = client(host="::1", listen="::1")
      fails(errno.EAGAIN, four.accept)
      assert socket.socket(fileno=number).accept()[1] == one.getsockname()
      """)
  }

  @Test func `a listener that blocks keeps its clients`() throws {
    try PreloadedPython().run(
      """
      four, six = server(), server("::")
      four.setblocking(True)
      one = client(host="::1", listen="::1")
      assert four.accept()[0].getpeername()[1] == one.getsockname()[1]
      fails(errno.EAGAIN, six.accept)
      """)
  }

  /// As nginx does it when a reload changes the address.
  @Test func `the last one of a family has the clients`() throws {
    try PreloadedPython().run(
      """
      one, six = server("127.0.0.1"), server("::")
      other = server("127.0.0.2")
      serves(other)
      fails(errno.EAGAIN, one.accept)
      one.close()
      serves(other)
      kept = client(host="::1", listen="::1")
      fails(errno.EAGAIN, other.accept)
      assert six.accept()[1] == kept.getsockname()
      assert os.listdir(D) == ["tls-handoff"]
      """)
  }

  /// As a reload of nginx does it: the first is closed, old workers still have it, and new ones are started.
  @Test func `when the first is closed another takes its place, for the next workers`() throws {
    try PreloadedPython().run(
      """
      one, six = server(), server("::")
      wait, end = os.pipe()
      worker = os.fork()
      if worker == 0:
          os.close(end)
          os.read(wait, 1)
          os._exit(0)
      first = os.stat(PATH).st_ino
      in_child(lambda: None)
      assert os.stat(PATH).st_ino == first
      one.close()
      in_child(lambda: None)
      assert os.stat(PATH).st_ino != first
      os.close(end)
      os.waitpid(worker, 0)
      assert os.listdir(D) == ["tls-handoff"] and six.getsockname()[:2] == ("::", 443)
      kept = client()
      assert six.accept()[1][:2] == ("::ffff:127.0.0.1", kept.getsockname()[1])
      four = server()
      kept = client()
      fails(errno.EAGAIN, six.accept)
      assert four.accept()[1] == kept.getsockname()
      """)
  }

  @Test func `a worker that closes its listeners takes them from nobody`() throws {
    try PreloadedPython().run(
      """
      one, six = server(), server("::")

      def work():
          serves(one)
          one.close()
          in_child(lambda: None)

      in_child(work)
      serves(one)
      """)
  }

  @Test func `workers that were forked share all listeners`() throws {
    try PreloadedPython().run(
      """
      four, six = server(), server("::")
      one = client(host="::1", listen="::1")
      in_child(lambda: fails(errno.EAGAIN, four.accept))
      assert six.accept()[1] == one.getsockname()
      """)
  }

  /// Everybody can see the names of further listeners, and connect to them or take them when they are free.
  @Test(.requiresRoot) func `nobody else gets a client, or can pass one off`() throws {
    try PreloadedPython().run(
      """
      def name(listener):
          number = os.readlink(f"/proc/self/fd/{listener.fileno()}")[8:-1]
          return next(row[7] for row in (line.split() for line in open("/proc/net/unix")) if row[6:] and row[6] == number)

      class Impostor:
          def __init__(self, name):
              told, tell = os.pipe()
              self.pid = os.fork()
              if self.pid == 0:
                  os.setuid(4321)
                  taken = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                  taken.bind(name)
                  taken.listen()
                  os.write(tell, b"!")
                  signal.pause()
              os.close(tell)
              assert os.read(told, 1) == b"!"

          def __enter__(self):
              pass

          def __exit__(self, *_):
              os.kill(self.pid, signal.SIGKILL)
              os.waitpid(self.pid, 0)

      def comes_to(six):
          one = client(host="::1", listen="::1")
          fails(errno.EAGAIN, four.accept)
          assert six.accept()[1] == one.getsockname()

      four = server()
      code, key = name(four).split(".")[-2:]
      with Impostor("\\0.tls-handoff." + code[:12] + "0" * 48 + "." + key):
          six = server("::")
          comes_to(six)
      one, connection = pair()
      its_name = "\\0" + name(six)[1:]

      def pass_off():
          os.setuid(4321)
          with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as peer:
              peer.connect(its_name)
              send(peer, connection)

      in_child(pass_off)
      fails(errno.EAGAIN, six.accept)
      six.close()
      with Impostor(its_name):
          one = client(host="::1", listen="::1")
          assert four.accept()[0].getpeername()[1] == one.getsockname()[1]
          comes_to(server("::"))
      """)
  }

  @Test func `a further one that was shut down can listen again`() throws {
    try PreloadedPython().run(
      """
      four, six = server(), server("::")
      six.shutdown(socket.SHUT_RDWR)
      six.listen()
      one = client(host="::1", listen="::1")
      fails(errno.EAGAIN, four.accept)
      assert six.accept()[1] == one.getsockname()
      """)
  }

  /// As where a server becomes its successor, which knows the numbers.
  @Test func `a program that inherits several passes clients on`() throws {
    try PreloadedPython().run(
      """
      if len(sys.argv) == 1:
          listeners = server(), server("::")
          for one in listeners:
              os.set_inheritable(one.fileno(), True)
          os.execv(sys.executable, [sys.executable, sys.argv[0]] + [str(one.fileno()) for one in listeners])
      four, six = map(int, sys.argv[1:])
      one = client(host="::1", listen="::1")
      assert libc.accept(four, None, None) == -1 and ctypes.get_errno() == errno.EAGAIN
      assert socket.socket(fileno=libc.accept(six, None, None)).getpeername() == one.getsockname()
      """)
  }
}
