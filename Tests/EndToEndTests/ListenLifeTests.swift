import Foundation
import Testing

/// What becomes of a listener with `libsniproxy-listen.so` when its server forks, executes, passes it on, closes it, ends.
@Suite(.scratch, .requires("python3")) struct ListenLifeTests {
  @Test func `workers share it, and whoever ends takes it from nobody`() throws {
    let python = try PreloadedPython()
    try python.run(
      """
      listener = server()
      for _ in range(3):
          one = client()
          in_child(lambda: (listener.accept()[0].send(b"from a worker"), listener.close()))
          assert one.recv(99) == b"from a worker"
      copy = listener.dup()
      listener.close()
      serves(copy)
      copy.close()
      assert os.path.exists(PATH)
      fails(errno.ECONNREFUSED, reach)
      serves(server())
      """)
    #expect(try python.files == ["tls-handoff"])
  }

  /// Apache's workers close theirs in a signal's handler.
  @Test func `who comes while it is closed is a client`() throws {
    try PreloadedPython().run(
      """
      listener = server()
      listener.setblocking(True)
      listener.setsockopt(TCP, socket.TCP_NODELAY, 1)
      served = []
      thread = threading.Thread(target=lambda: served.append(libc.accept(listener.fileno(), None, None)))
      thread.start()
      # accept4(2) has the listener from now on, whatever the number becomes.
      while open(f"/proc/self/task/{thread.native_id}/syscall").read().split()[0] not in ("288", "242"):
          time.sleep(0.001)
      os.dup2(os.pipe()[0], listener.fileno())
      one = client()
      thread.join()
      accepted = socket.socket(fileno=served[0])
      assert accepted.getpeername() == one.getsockname(), accepted
      assert accepted.getsockopt(TCP, socket.TCP_NODELAY) == 1
      """)
  }

  @Test func `a client in the queue is there for whoever accepts next`() throws {
    try PreloadedPython().run(
      """
      listener = server()
      clients = [client() for _ in range(20)]
      for one in clients:
          in_child(lambda: listener.accept()[0].send(b"served"))
          assert one.recv(99) == b"served"
      """)
  }

  @Test func `a process that gets it as a descriptor knows what it is`() throws {
    try PreloadedPython().run(
      """
      mine, its = socket.socketpair(socket.AF_UNIX)
      os.set_inheritable(its.fileno(), True)
      if len(sys.argv) == 1:
          program = os.posix_spawn(sys.executable, [sys.executable, sys.argv[0], str(its.fileno())], os.environ)
          listener = server("192.0.2.7")
          socket.send_fds(mine, [b"listener"], [listener.fileno()])
          one = client()
          assert one.recv(99) == b"from the other"
          assert os.waitpid(program, 0)[1] == 0
      else:
          way = socket.socket(fileno=int(sys.argv[1]))
          listener = socket.socket(fileno=socket.recv_fds(way, 9, 1)[1][0])
          assert listener.getsockname() == ("192.0.2.7", 443) and listener.family == socket.AF_INET
          listener.setblocking(True)
          listener.accept()[0].send(b"from the other")
      """)
  }

  @Test(arguments: [
    "os.execve(program, words, bare)", "os.execvpe('python3', words, bare)",
    "libc.clearenv(); os.execv(program, words)",
    "libc.clearenv(); libc.execvp(b'python3', (ctypes.c_char_p * 5)(*[word.encode() for word in words], None))",
    "libc.clearenv(); libc.execl(program.encode(), *[word.encode() for word in words], None)",
    "libc.clearenv(); os.environ.clear(); libc.execlp(b'python3', *[word.encode() for word in words], None)",
    "libc.execle(program.encode(), *[word.encode() for word in words], None, (ctypes.c_char_p * 1)(None))",
    "os.execve(os.open(program, os.O_RDONLY), words, bare)",
    "os._exit(os.waitpid(os.posix_spawn(program, words, bare), 0)[1])",
    "os._exit(os.waitpid(os.posix_spawnp('python3', words, bare), 0)[1])",
    "bare['LD_PRELOAD'] = '/no/such/library.so:' + os.environ['LD_PRELOAD'] + 'x'; os.execve(program, words, bare)",
    "bare.update(os.environ); os.execve(program, words, bare)",
  ])
  func `a successor that inherits it has the library, whatever its environment`(call: String) throws {
    try PreloadedPython().run(
      """
      program = os.path.realpath(sys.executable)
      os.environ["PATH"] = os.path.dirname(program) + ":" + os.environ["PATH"]
      bare = {"PATH": os.environ["PATH"]}
      listener = server()
      listener.setblocking(True)
      os.set_inheritable(listener.fileno(), True)
      successor = f'''
      import os, socket
      listener = socket.socket(fileno={listener.fileno()})
      assert listener.getsockname() == ("0.0.0.0", 443)
      assert os.environ["SNIPROXY_HANDOFF"] == {os.environ["SNIPROXY_HANDOFF"]!r}
      assert os.environ["SNIPROXY_HANDOFF_USER"] == {os.environ["SNIPROXY_HANDOFF_USER"]!r}
      assert {os.environ["LD_PRELOAD"]!r} in os.environ["LD_PRELOAD"].split(":")
      listener.accept()[0].send(b"from the successor")
      '''
      words = ["python3", "-c", "\\n".join(line.strip() for line in successor.splitlines())]
      one = client()
      def become():
          \(call)
          raise AssertionError("it did not become the successor")
      in_child(become)
      assert one.recv(99) == b"from the successor"
      """)
  }

  @Test func `what inherits no listener gets its environment as it is`() throws {
    try PreloadedPython().run(
      """
      listener = server()
      plain = socket.create_server(("127.0.0.1", 0))
      os.set_inheritable(plain.fileno(), True)
      check = "import os; assert not {'LD_PRELOAD', 'SNIPROXY_HANDOFF', 'SNIPROXY_HANDOFF_USER'} & set(os.environ)"
      in_child(lambda: os.execve(sys.executable, ["python3", "-c", check], {}))
      """)
  }

  @Test func `a listener that was shut down can listen again`() throws {
    try PreloadedPython().run(
      """
      listener = server()
      listener.setsockopt(TCP, socket.TCP_NODELAY, 1)
      number = listener.fileno()
      listener.shutdown(socket.SHUT_RDWR)
      fails(errno.ECONNREFUSED, reach)
      listener.listen(5)
      assert listener.fileno() == number and os.listdir(D) == ["tls-handoff"]
      one = client()
      assert listener.accept()[0].getsockopt(TCP, socket.TCP_NODELAY) == 1
      listener.listen(50)
      serves(listener)
      """)
  }

  /// HAProxy's way, connect(2) with AF_UNSPEC.
  @Test func `a listener that was disconnected can listen again`() throws {
    try PreloadedPython().run(
      """
      listener = server()
      assert libc.connect(listener.fileno(), bytes(16), 16) == 0
      fails(errno.ECONNREFUSED, reach)
      listener.listen(5)
      serves(listener)
      other = socket.create_server(("127.0.0.1", 0))
      assert libc.connect(other.fileno(), bytes(16), 16) == 0
      near = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
      assert libc.connect(near.fileno(), bytes(16), 16) == -1 and ctypes.get_errno() == errno.EINVAL
      assert libc.connect(listener.fileno(), None, 16) == -1 and ctypes.get_errno() == errno.EFAULT
      """)
  }

  @Test func `it wakes poll and epoll`() throws {
    try PreloadedPython().run(
      """
      import select
      listener = server()
      poll, epoll = select.poll(), select.epoll()
      poll.register(listener, select.POLLIN)
      epoll.register(listener, select.EPOLLIN | select.EPOLLEXCLUSIVE)
      assert poll.poll(0) == [] and epoll.poll(0) == []
      one = client()
      assert poll.poll(0) == [(listener.fileno(), select.POLLIN)] == epoll.poll(0)
      listener.accept()[0].close()
      assert poll.poll(0) == [] and epoll.poll(0) == []
      """)
  }
}
