import Foundation

/// Hands every client of a TCP port over to a directory, as sniproxy does, whatever the client wants.
struct HandingOver {
  let port: UInt16

  init(to directory: String) throws {
    let child = try Child("python3", ["-u", "-c", Self.program, directory])
    try eventually("a port: \(child.error)") { child.output.hasSuffix("\n") }
    guard let port = UInt16(child.output.dropLast()) else { throw Failure("no port: \(child.output)") }
    self.port = port
  }

  private static let program = """
    import array, os, socket, sys
    proxy = socket.create_server(("127.0.0.1", 0), backlog=256)
    print(proxy.getsockname()[1])
    os.chdir(sys.argv[1])
    while True:
        connection = proxy.accept()[0]
        with connection, socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as receiver:
            receiver.connect("tls-handoff")
            receiver.sendmsg([b"header"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [connection.fileno()]))])
    """
}
