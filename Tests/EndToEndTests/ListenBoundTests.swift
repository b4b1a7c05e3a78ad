import Testing

/// Servers that bind a socket in one process, and listen in others.
@Suite(.scratch, .requires("python3")) struct ListenBoundTests {
  @Test func `processes that share a bound socket share its listener, which lives as long as the socket`() throws {
    try PreloadedPython().run(
      """
      shared = bound()
      assert shared.getsockname() == ("0.0.0.0", 443) and shared.type == socket.SOCK_STREAM
      assert os.listdir(D) == []

      def work():
          shared.listen(16)
          serves(shared)

      in_child(work)
      one = client()
      in_child(lambda: (shared.listen(16), shared.accept()[0].send(b"the next worker")))
      assert one.recv(99) == b"the next worker"
      work()
      shared.close()
      fails(errno.ECONNREFUSED, reach)
      assert os.listdir(D) == ["tls-handoff"]
      """)
  }

  @Test func `the flags are what the last of them has set`() throws {
    try PreloadedPython().run(
      """
      shared = bound()
      in_child(lambda: (shared.listen(16), shared.setblocking(True)))
      shared.listen(16)
      assert os.get_blocking(shared.fileno())
      """)
  }

  @Test func `all of them may listen at once`() throws {
    try PreloadedPython().run(
      """
      shared = bound("::")
      start, go = os.pipe()
      workers = []
      for _ in range(8):
          pid = os.fork()
          if pid == 0:
              os.close(go)
              os.read(start, 1)
              try:
                  shared.listen(16)
                  shared.setblocking(True)
                  shared.accept()[0].send(b"served")
                  os._exit(0)
              except OSError as error:
                  print(error, file=sys.stderr, flush=True)
                  os._exit(1)
          workers.append(pid)
      os.close(go)
      shared.listen(16)
      for one in [client() for _ in workers]:
          assert one.recv(9) == b"served"
      for pid in workers:
          assert os.waitpid(pid, 0)[1] == 0
      """)
  }

  @Test func `a program that inherits a bound socket, or is sent it, can listen`() throws {
    try PreloadedPython().run(
      """
      work = '''
      import socket, sys
      if sys.argv[1] == "sent":
          socket_of_parent = socket.socket(socket.AF_UNIX, fileno=0)
          listener = socket.socket(fileno=socket.recv_fds(socket_of_parent, 1, 1)[1][0])
      else:
          listener = socket.socket(fileno=int(sys.argv[1]))
      assert listener.getsockname() == ("0.0.0.0", 443) and listener.family == socket.AF_INET
      listener.listen()
      listener.setblocking(True)
      listener.accept()[0].send(sys.argv[1].encode())
      '''
      import subprocess, textwrap
      shared = bound()
      ours, theirs = socket.socketpair()
      socket.send_fds(ours, [b"!"], [shared.fileno()])
      for word in str(shared.fileno()), "sent":
          command = [sys.executable, "-c", textwrap.dedent(work), word]
          worker = subprocess.Popen(command, pass_fds=[shared.fileno()], stdin=theirs)
          shared.listen()
          assert client().recv(99) == word.encode()
          assert worker.wait() == 0
      """)
  }

  @Test func `a listener that cannot be made leaves the socket as it was`() throws {
    try PreloadedPython().run(
      """
      def reusing():
          listener = socket.socket()
          listener.setsockopt(SOL, socket.SO_REUSEADDR, 1)
          listener.setblocking(False)
          listener.bind(("", 443))
          return listener

      late, other = reusing(), reusing()
      other.listen()
      fails(errno.EADDRINUSE, late.listen)
      other.close()
      late.listen()
      serves(late)
      late.close()
      before = descriptors()
      for _ in range(20):
          bound().close()
      assert descriptors() == before
      """)
  }

  /// Everybody can see its name.
  @Test(.requiresRoot) func `nobody else can put a listener into a bound socket`() throws {
    try PreloadedPython().run(
      """
      late = bound()
      number = os.readlink(f"/proc/self/fd/{late.fileno()}")[8:-1]
      name = next(line.split()[-1] for line in open("/proc/net/unix") if line.split()[6] == number)

      def attack():
          os.setuid(4321)
          with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
              fails(errno.EPERM, other.sendto, b"!", "\\0" + name[1:])

      in_child(attack)
      late.listen()
      serves(late)
      """)
  }
}
