import Foundation

/// Hands over every client of a port of its own to a socket `tls-handoff`, for one name.
final class HandoffSender {
  let port: UInt16

  /// - Parameter launcher: a command that becomes the program whose path and arguments follow
  convenience init(to socket: String, _ name: String, launcher: [String] = []) throws {
    let command = launcher + Self.command(socket, name)
    try self.init(Child(command[0], Array(command.dropFirst())))
  }

  /// One that was started otherwise.
  init(_ child: Child) throws {
    try eventually("the sender to listen: \(child.error)") { child.output.hasSuffix("\n") }
    guard let port = UInt16(child.output.dropLast()) else { throw Failure("no port: \(child.output)") }
    self.port = port
  }

  static func command(_ socket: String, _ name: String) -> [String] { ["python3", "-c", script, socket, name] }

  /// What curl, with a source address of its own, gets for `https://NAME/`, and its port; nil if it fails.
  func curl(_ name: String, _ certificate: Certificate) throws -> (answer: String, port: String)? {
    let options = ["--interface", "127.0.0.2", "--write-out", "%{local_port}"]
    let child = try Child("curl", Proxy.curlArguments(name, port: port, certificate) + options)
    guard try child.wait() == .exited(0) else { return nil }
    let lines = child.output.split(separator: "\n", omittingEmptySubsequences: false)
    return ("\(lines[0])", "\(lines[lines.count - 1])")
  }

  private static let script = #"""
    import socket, struct, sys
    path, name = sys.argv[1], sys.argv[2].encode()
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    while True:
      client, (host, port) = listener.accept()
      own_host, own_port = client.getsockname()
      body = socket.inet_aton(host) + socket.inet_aton(own_host) + struct.pack("!HH", port, own_port)
      body += struct.pack("!BH", 1, 2) + b"h2" + struct.pack("!BH", 2, len(name)) + name
      header = b"\r\n\r\n\0\r\nQUIT\n\x21\x11" + struct.pack("!H", len(body)) + body
      peer = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
      peer.connect(path)
      socket.send_fds(peer, [header], [client.fileno()])
      peer.close()
      client.close()
    """#
}
