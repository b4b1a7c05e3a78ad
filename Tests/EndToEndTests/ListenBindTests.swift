import Foundation
import Testing

/// bind(2), listen(2) and getsockname(2) of servers with `libsniproxy-listen.so`.
@Suite(.scratch, .requires("python3")) struct ListenBindTests {
  @Test func `bind changes nothing in the directory, listen makes the socket, and the address is the server's`() throws
  {
    let python = try PreloadedPython()
    try python.run(
      """
      os.umask(0o777)
      listener = bound("192.0.2.1")
      assert os.listdir(D) == []
      assert listener.getsockname() == ("192.0.2.1", 443)
      fails(errno.EINVAL, listener.bind, ("192.0.2.1", 443))
      listener.listen()
      assert os.listdir(D) == ["tls-handoff"]
      assert stat.S_ISSOCK(os.lstat(PATH).st_mode) and stat.S_IMODE(os.lstat(PATH).st_mode) == 0o666
      assert listener.getsockname() == ("192.0.2.1", 443)
      serves(listener)
      os.umask(0o022)
      six = server("fe80::1", 8443)
      assert six.getsockname()[:2] == ("fe80::1", 8443)
      """)
    #expect(try python.files == ["tls-handoff"], "nobody removes it")
  }

  @Test func `number and flags of the server's own socket stay, in each descriptor of it`() throws {
    try PreloadedPython().run(
      """
      listener = bound()
      os.set_inheritable(listener.fileno(), True)
      copy = socket.socket(fileno=fcntl.fcntl(listener, fcntl.F_DUPFD_CLOEXEC, 0))
      number, open = listener.fileno(), descriptors()
      listener.listen()
      assert listener.fileno() == number and descriptors() == open
      assert os.get_inheritable(number) and not os.get_inheritable(copy.fileno())
      fails(errno.EAGAIN, listener.accept)
      serves(copy)
      blocking = socket.socket()
      blocking.bind(("", 8443))
      blocking.listen()
      assert fcntl.fcntl(blocking, fcntl.F_GETFL) & os.O_NONBLOCK == 0
      """)
  }

  @Test func `a stale socket is replaced`() throws {
    let python = try PreloadedPython()
    try python.run(
      "in_child(server); first = os.stat(PATH).st_ino; serves(server()); assert os.stat(PATH).st_ino != first")
    #expect(try python.files == ["tls-handoff"])
  }

  /// Anybody who may read it can do so.
  @Test func `a lock on the directory keeps no server from listening`() throws {
    try PreloadedPython().run("fcntl.flock(os.open(D, os.O_RDONLY), fcntl.LOCK_EX); serves(server())")
  }

  @Test func `who listens is never replaced`() throws {
    let python = try PreloadedPython()
    let said = try python.run(
      """
      late = bound()
      in_time = server("0.0.0.0", 8443)
      other = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
      other.bind(PATH)
      other.listen()
      fails(errno.EADDRINUSE, late.listen)
      for _ in range(5):
          fails(errno.EADDRINUSE, bound)
      in_child(lambda: fails(errno.EADDRINUSE, bound))
      assert os.listdir(D) == ["tls-handoff"]
      reach().close()
      """)
    let line =
      "sniproxy-listen: cannot listen on port 443: \(python.directory): somebody listens on tls-handoff: stop that "
      + "server, or give this one another directory; ss -xlpe tells which it is, by the inode\n"
    #expect(said == line, "it is said once")
  }

  @Test func `another process of a server that listens gets what TCP gives it`() throws {
    try PreloadedPython().run("listener = server(); in_child(lambda: fails(errno.EADDRINUSE, bound)); serves(listener)")
  }

  @Test func `a directory that cannot be used fails bind, with a line that says why`() throws {
    var python = try PreloadedPython()
    python.settings = "443=/nowhere"
    #expect(
      try python.run("fails(errno.EADDRNOTAVAIL, bound)").contains("/nowhere: No such file or directory: make the"))
    python = try PreloadedPython()
    try "no socket".write(toFile: "\(python.directory)/tls-handoff", atomically: true, encoding: .utf8)
    #expect(try python.run("fails(errno.EADDRINUSE, bound)").contains("tls-handoff is no socket: remove it"))
    try FileManager.default.removeItem(atPath: "\(python.directory)/tls-handoff")
    try FileManager.default.createSymbolicLink(
      atPath: "\(python.directory)/tls-handoff", withDestinationPath: "/nowhere")
    #expect(
      try python.run("fails(errno.EADDRINUSE, bound)").contains(
        "tls-handoff is a symbolic link: name the directory that it leads to, or remove the link"))
  }

  @Test(.requiresRoot) func `a directory that the server's user may not write fails bind`() throws {
    let said = try PreloadedPython().run("os.setuid(1); fails(errno.EACCES, bound)")
    #expect(said.contains("Permission denied: let the server's user write to the directory"))
  }

  @Test func `where something else is wrong than the directory, that is told`() throws {
    let few = try PreloadedPython().run(
      """
      listener = socket.socket()
      resource.setrlimit(resource.RLIMIT_NOFILE, (100, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
      try:
          while True:
              os.dup(0)
      except OSError:
          fails(errno.EMFILE, listener.bind, ("", 443))
      """)
    #expect(few.contains("Too many open files: let there be more open files"))
    let none = try PreloadedPython().run("lose_unix_sockets(); fails(errno.EAFNOSUPPORT, bound)")
    #expect(none.contains("a Unix socket: Address family not supported by protocol: let the server use AF_UNIX"))
  }

  @Test(arguments: ["443", "443=relative", "x=/tmp", "0=/tmp", "65536=/tmp", "443=/tmp,=", "443 =/tmp"])
  func `settings that cannot be understood open no port to the world`(settings: String) throws {
    var python = try PreloadedPython()
    python.settings = settings
    let said = try python.run(
      """
      fails(errno.EINVAL, bound)
      fails(errno.EINVAL, bound, "127.0.0.1", 0)
      """)
    #expect(said.contains("SNIPROXY_HANDOFF: cannot be understood: write PORT=DIRECTORY"))
  }

  @Test func `a user who does not exist fails bind`() throws {
    var python = try PreloadedPython()
    python.user = "no-such-user"
    #expect(try python.run("fails(errno.EINVAL, bound)").contains("SNIPROXY_HANDOFF_USER: there is no such user"))
  }

  @Test func `one socket is in all directories of a port, whatever they are called`() throws {
    var python = try PreloadedPython()
    var names = ["a,b", "back\\slash", "two\nlines", "a=b:c d", String(repeating: "long", count: 50)]
    names = try names.map { name in
      let directory = "\(python.directory)/\(name)"
      try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: false)
      return directory
    }
    python.settings = names.map { name in
      "443=" + name.map { ",\\\n".contains($0) ? "\\\($0)" : String($0) }.joined()
    }.joined(separator: "\n")
    try python.run(
      """
      listener = server()
      places = [os.path.join(D, name, "tls-handoff") for name in os.listdir(D)]
      assert len(places) == 5 and len({os.stat(place).st_ino for place in places}) == 1
      for place in places:
          serves(listener, path=place)
          assert os.listdir(os.path.dirname(place)) == ["tls-handoff"]
      """)
  }

  @Test func `a directory with two names is one`() throws {
    var python = try PreloadedPython()
    let link = "\(python.directory)-link"
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: python.directory)
    python.settings = "443=\(python.directory),443=\(link),443=\(python.directory)"
    try python.run(
      #"serves(server(), path=D + "-link/tls-handoff"); assert os.listdir(D) == ["tls-handoff"]"#)
  }

  @Test func `one directory for two ports is told`() throws {
    var python = try PreloadedPython()
    python.settings = "443=\(python.directory),8443=\(python.directory)/."
    let said = try python.run(
      """
      fails(errno.EADDRINUSE, bound)
      fails(errno.EADDRINUSE, bound, "127.0.0.1", 8443)
      """)
    #expect(said.contains("a directory has one tls-handoff, which cannot be for two ports: give each port"))
  }

  @Test func `directories of one port on two file systems are told, and nothing is left`() throws {
    var python = try PreloadedPython()
    let other = "/dev/shm/sniproxy-test.\(UUID().uuidString.prefix(8))"
    try FileManager.default.createDirectory(atPath: other, withIntermediateDirectories: false)
    Scratch.current.atEnd { try? FileManager.default.removeItem(atPath: other) }
    python.settings = "443=\(python.directory),443=\(other)"
    let said = try python.run("late = bound(); fails(errno.EXDEV, late.listen)")
    #expect(said.contains("all directories of a port must be on one file system"))
    #expect(try python.files.isEmpty)
    #expect(try FileManager.default.contentsOfDirectory(atPath: other).isEmpty)
  }

  @Test func `a second address of the same server leaves no file`() throws {
    let python = try PreloadedPython()
    try python.run(
      """
      four, six = server(), server("::")
      assert six.getsockname()[:2] == ("::", 443)
      assert os.listdir(D) == ["tls-handoff"]
      fails(errno.EADDRINUSE, bound)
      fails(errno.EADDRINUSE, bound, "::")
      serves(four)
      fails(errno.EAGAIN, six.accept)
      """)
    #expect(try python.files == ["tls-handoff"])
  }

  @Test func `two sockets are bound to one address only where both allow it`() throws {
    try PreloadedPython().run(
      """
      one = bound()
      fails(errno.EADDRINUSE, bound)
      fails(errno.EADDRINUSE, lambda: bound(reuse=True))
      other, third = bound(port=8443, reuse=True), bound(port=8443, reuse=True)
      one.close()
      serves(server())
      """)
  }

  @Test func `an address that cannot be read, or of a wrong length, is refused as by the kernel`() throws {
    try PreloadedPython().run(
      """
      import mmap
      listener = socket.socket()
      libc.bind.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint32]
      libc.mprotect.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]

      def refuses(number, *arguments):
          assert libc.bind(listener.fileno(), *arguments) == -1 and ctypes.get_errno() == number, ctypes.get_errno()

      pages = mmap.mmap(-1, 2 * mmap.PAGESIZE)
      start = ctypes.addressof(ctypes.c_char.from_buffer(pages))
      assert libc.mprotect(start + mmap.PAGESIZE, mmap.PAGESIZE, 0) == 0
      address = struct.pack("=H", socket.AF_INET) + struct.pack("!H4B8x", 443, 127, 0, 0, 1)
      pages[mmap.PAGESIZE - 10:mmap.PAGESIZE] = address[:10]
      refuses(errno.EFAULT, start + mmap.PAGESIZE - 10, 16)
      for place in None, 8, -1:
          refuses(errno.EFAULT, place, 16)
      pages[:16] = address
      for length in 0, 15, 129, 0xffffffff:
          refuses(errno.EINVAL, start, length)
      assert libc.bind(listener.fileno(), start, 16) == 0 and listener.getsockname() == ("127.0.0.1", 443)
      """)
  }

  @Test func `the same address with SO_REUSEPORT shares the clients`() throws {
    try PreloadedPython().run(
      """
      one, other = server(reuse=True), server(reuse=True)
      serves(one)
      serves(other)
      one.close()
      serves(other)
      """)
  }

  @Test func `all other sockets are left alone`() throws {
    try PreloadedPython().run(
      """
      if "PORT" not in os.environ:
          # The port is taken for UDP, so that a socket that reaches the kernel is refused.
          taken = socket.socket(type=socket.SOCK_DGRAM)
          taken.bind(("127.0.0.1", 0))
          os.set_inheritable(taken.fileno(), True)
          os.environ["PORT"] = str(taken.getsockname()[1])
          os.environ["SNIPROXY_HANDOFF"] = os.environ["PORT"] + "=" + D
          os.execv(sys.executable, [sys.executable, sys.argv[0]])

      port = int(os.environ["PORT"])
      udp = socket.socket(type=socket.SOCK_DGRAM)
      fails(errno.EADDRINUSE, udp.bind, ("127.0.0.1", port))
      listener = server("127.0.0.1", port)
      assert os.listdir(D) == ["tls-handoff"]
      other = socket.create_server(("127.0.0.1", 0))
      one = socket.create_connection(other.getsockname())
      accepted, address = other.accept()
      assert address == one.getsockname() == accepted.getpeername()
      fails(errno.EINVAL, other.bind, ("127.0.0.1", port))
      local = socket.socket(socket.AF_UNIX)
      local.bind("\\0" + D)
      local.listen()
      near = socket.socket(socket.AF_UNIX)
      near.connect("\\0" + D)
      assert local.accept()[1] == "" and local.getsockname() == b"\\0" + D.encode()
      """)
  }
}
