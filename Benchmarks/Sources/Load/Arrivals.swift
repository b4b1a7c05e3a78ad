import CBench
import Glibc

/// Clients that come one after the other, send a captured ClientHello, get the first bytes of the server's answer, and
/// stay.
public struct Arrivals {
  public let clients: Int
  private let corpus: String

  public init(_ clients: Int, corpus: String) {
    self.clients = clients
    self.corpus = corpus
  }

  public struct Result {
    public let usage: Usage
    /// Bytes of the proxy's memory for each client.
    public let memory: Double
  }

  /// The first clients are not counted: with them a program gets what it needs once.
  public func run(over route: TLSRoute, meter: Meter) throws(Failure) -> Result {
    let hellos = try HelloTemplate.corpus(at: corpus).map { $0.naming(route.name).bytes }
    var sockets: [Int32] = []
    defer { for socket in sockets { close(socket) } }
    for number in 0..<50 { sockets.append(try arrive(number, hellos, route)) }
    try pause(seconds: 0.2)
    let memory = try meter.memory()
    let beginning = try meter.read()
    for number in 0..<clients { sockets.append(try arrive(number, hellos, route)) }
    let ending = try meter.read()
    try pause(seconds: 0.2)
    let grown = try meter.memory() - memory
    return Result(usage: Usage(from: beginning, to: ending), memory: grown / Double(clients))
  }

  private func arrive(_ number: Int, _ hellos: [[UInt8]], _ route: TLSRoute) throws(Failure) -> Int32 {
    let socket = try startConnecting(to: route.port, from: 0x7F00_0002 + UInt32(number & 7))
    do throws(Failure) {
      try waitUntilReady(socket, POLLOUT, for: "connect")
      let hello = hellos[number % hellos.count]
      try sendWhole(socket, hello, hello.count)
      try waitUntilReady(socket, POLLIN, for: "the server's answer to a hello")
      var type: UInt8 = 0
      guard recv(socket, &type, 1, bench_MSG_PEEK) == 1, type == Self.handshake else {
        throw Failure("the server's answer to a hello: \(type == 0 ? fault(of: socket) : "a record of type \(type)")")
      }
    } catch {
      close(socket)
      throw error
    }
    return socket
  }

  /// The type of a TLS record with a ServerHello in it; an alert would be 21.
  private static let handshake: UInt8 = 22
}
