import Foundation

/// Runs a program in process and mount namespaces of its own, where everything that it starts ends with it, /run is empty, and
/// /dev/log is the test's. Only root can.
func isolated(_ program: String, _ arguments: [String], syslog: DatagramSocket) throws -> Child {
  let script = """
    set -e
    mount -t tmpfs tmpfs /run
    mount --rbind /dev "$1"
    mount -t tmpfs -o mode=755 tmpfs /dev
    for name in null zero full random urandom; do touch /dev/$name; mount --bind "$1/$name" /dev/$name; done
    ln -s "$2" /dev/log
    shift 2
    exec "$@"
    """
  let devices = try Scratch.current.directory("dev")
  guard let path = Tool.path(program) else { throw Failure("\(program) is not installed") }
  let child = try Child(
    "unshare",
    [
      "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "sh", "-c", script, "sh", devices, syslog.path,
      path,
    ] + arguments)
  Scratch.current.atEnd { child.endNamespaces() }
  return child
}

extension Child {
  /// Ends a process together with the namespaces that it made: their first process ends, and with it all in them.
  func endNamespaces() {
    for first in (try? children(of: pid)) ?? [] { kill(first, SIGKILL) }
    _ = try? wait()
  }
}

/// A port of the loopback address that nobody listens on, for programs that cannot pick one themselves.
func unusedPort() throws -> UInt16 {
  let listener = try Listener(.ip4(0))
  listener.close()
  return listener.address.port
}
