import Foundation
import Testing

/// A host directory in which Python programs listen, with `libsniproxy-listen.so` preloaded, on port 443 and on 8443. One process
/// is the server, the proxy and the client, so that nothing has to be waited for.
struct PreloadedPython {
  let directory: String
  var settings: String
  var user = String(geteuid())

  init() throws {
    directory = try Scratch.current.directory("host-\(UUID().uuidString.prefix(8))")
    settings = "443=\(directory),8443=\(directory)-too"
    try FileManager.default.createDirectory(atPath: "\(directory)-too", withIntermediateDirectories: false)
  }

  static var library: String {
    get throws {
      let path = "\(Program.directory)/libsniproxy-listen.so"
      guard FileManager.default.fileExists(atPath: path) else {
        throw Failure("\(path) is missing: `make build` makes it")
      }
      return path
    }
  }

  var environment: [String: String] {
    get throws {
      [
        "LD_PRELOAD": try Self.library, "SNIPROXY_HANDOFF": settings, "SNIPROXY_HANDOFF_USER": user, "D": directory,
        "PYTHONDONTWRITEBYTECODE": "1",
      ]
    }
  }

  /// Runs the program, which fails where one of its assertions does not hold.
  ///
  /// - Returns: its standard error.
  @discardableResult
  func run(_ program: String, sourceLocation: SourceLocation = #_sourceLocation) throws -> String {
    let file = Scratch.current.file("program-\(UUID().uuidString.prefix(8)).py")
    try (Self.words + program).write(toFile: file, atomically: true, encoding: .utf8)
    let child = try Child("python3", [file], environment: try environment)
    #expect(try child.wait() == .exited(0), "\(child.output)\(child.error)", sourceLocation: sourceLocation)
    return child.error
  }

  var files: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: directory).sorted() } }

  /// What the programs are written in.
  private static let words = #"""
    import array, ctypes, errno, fcntl, os, resource, signal, socket, stat, struct, sys, threading, time
    D = os.environ["D"]
    PATH = D + "/tls-handoff"
    TCP, SOL = socket.IPPROTO_TCP, socket.SOL_SOCKET
    libc = ctypes.CDLL(None, use_errno=True)

    def pair(host="127.0.0.1", listen="127.0.0.1"):
        "A client, and its connection at the proxy."
        family = socket.AF_INET6 if ":" in listen else socket.AF_INET
        proxy = socket.create_server((listen, 0), family=family, dualstack_ipv6=listen == "::")
        client = socket.create_connection((host, proxy.getsockname()[1]))
        connection = proxy.accept()[0]
        proxy.close()
        return client, connection

    def reach(path=PATH):
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        here = os.open(os.path.dirname(path), os.O_PATH)
        try:
            peer.connect(f"/proc/self/fd/{here}/{os.path.basename(path)}")
        except OSError:
            peer.close()
            raise
        finally:
            os.close(here)
        return peer

    def send(peer, *files):
        numbers = array.array("i", [file if isinstance(file, int) else file.fileno() for file in files])
        peer.sendmsg([b"header"], [(SOL, socket.SCM_RIGHTS, numbers)] if files else [])

    def client(path=PATH, **where):
        "A client that was handed over."
        client, connection = pair(**where)
        with reach(path) as peer:
            send(peer, connection)
        connection.close()
        return client

    def bound(host="0.0.0.0", port=443, reuse=False):
        listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
        listener.setsockopt(SOL, socket.SO_REUSEPORT, reuse)
        listener.setblocking(False)
        try:
            listener.bind((host, port))
        except OSError:
            listener.close()
            raise
        return listener

    def server(*where, **how):
        listener = bound(*where, **how)
        listener.listen(256)
        return listener

    def fails(number, function, *arguments):
        try:
            function(*arguments)
        except OSError as error:
            assert error.errno == number, error
        else:
            raise AssertionError(f"no {errno.errorcode[number]}")

    def serves(listener, **where):
        one = client(**where)
        accepted, address = listener.accept()
        one.send(b"to")
        assert accepted.recv(9) == b"to"
        accepted.send(b"from")
        assert one.recv(9) == b"from"
        accepted.close()
        one.close()

    def descriptors():
        return len(os.listdir("/proc/self/fd"))

    def lose_unix_sockets():
        "From now on, as in a unit without AF_UNIX in RestrictAddressFamilies=, by seccomp(2)."
        call = {"x86_64": 41, "aarch64": 198}[os.uname().machine]
        steps = [
            (0x20, 0, 0, 0), (0x15, 0, 3, call), (0x20, 0, 0, 16), (0x15, 0, 1, socket.AF_UNIX),
            (0x06, 0, 0, 0x50000 | errno.EAFNOSUPPORT), (0x06, 0, 0, 0x7fff0000)]
        code = b"".join(struct.pack("=HBBI", *step) for step in steps)
        code = ctypes.create_string_buffer(code, len(code))
        assert libc.prctl(38, 1, 0, 0, 0) == 0
        assert libc.prctl(22, 2, struct.pack("@HP", len(steps), ctypes.addressof(code))) == 0

    def in_child(work):
        "Does it in a process of its own, which must end well."
        pid = os.fork()
        if pid == 0:
            try:
                work()
                os._exit(0)
            except BaseException as error:
                sys.stderr.write(f"in a child: {error!r}\n")
                os._exit(1)
        assert os.waitpid(pid, 0)[1] == 0

    """#
}
