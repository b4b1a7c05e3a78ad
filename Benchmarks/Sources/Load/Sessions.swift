import CBench
import Glibc

/// Where a load goes: through the proxy on a port to the backend.
public struct Route {
  public let port: UInt16
  public let backend: Backend
  public let hellos: Hellos

  public init(port: UInt16, backend: Backend, hellos: Hellos) {
    self.port = port
    self.backend = backend
    self.hellos = hellos
  }
}

/// Relayed connections, opened one after the other: the hello has arrived unchanged, and one byte has come back.
public final class Sessions {
  public let clients: [Int32]
  public let backends: [Int32]

  public init(_ count: Int, over route: Route) throws(Failure) {
    var clients: [Int32] = []
    var backends: [Int32] = []
    clients.reserveCapacity(count)
    backends.reserveCapacity(count)
    do throws(Failure) {
      for number in 0..<count {
        // 16,000 ports a source are free at least.
        let client = try startConnecting(to: route.port, from: 0x7F00_0002 + UInt32(number >> 14))
        clients.append(client)
        backends.append(try Self.relay(from: client, number: UInt64(number), over: route))
      }
    } catch {
      for socket in clients + backends { close(socket) }
      throw Failure("session \(backends.count + 1) of \(count): \(error)")
    }
    self.clients = clients
    self.backends = backends
  }

  deinit {
    for socket in clients + backends { close(socket) }
  }

  /// Brings a hello from the client to the backend and a byte back; returns the backend's end.
  private static func relay(from client: Int32, number: UInt64, over route: Route) throws(Failure) -> Int32 {
    var hello = [UInt8](repeating: 0, count: Hellos.longest)
    var arrived = hello
    let length = hello.withUnsafeMutableBytes { route.hellos.write(number: number, to: $0.baseAddress!) }
    try waitUntilReady(client, POLLOUT, for: "connect")
    try sendWhole(client, hello, length)
    try waitUntilReady(route.backend.listener, POLLIN, for: "the proxy's connection to the backend")
    guard let backend = try route.backend.accept() else { throw Failure("accept: nobody there") }
    do throws(Failure) {
      try receiveWhole(backend, &arrived, length, "the hello at the backend")
      guard hello == arrived else { throw Failure("the backend got a hello that was not sent") }
      try sendWhole(backend, [UInt8(120)], 1)
      try receiveWhole(client, &arrived, 1, "the first answer")
      guard arrived[0] == 120 else { throw Failure("the client got a byte that was not sent") }
    } catch {
      close(backend)
      throw error
    }
    return backend
  }
}
