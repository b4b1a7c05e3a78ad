import CLinux
import Glibc
import Kernel
import Testing
import Wire

@Suite struct ListeningSocketTests {
  @Test func `port 0 becomes a port of the kernel's choice, which the name tells`() throws {
    let listener = try ListeningSocket(.internet(.v4([127, 0, 0, 1]), port: 0, scope: 0))
    #expect(listener.isInternet)
    #expect(listener.name == "127.0.0.1:\(port(listener))")
    #expect(port(listener) != 0)
    #expect(try isEmpty(listener))
    let client = connectToLoopback(port(listener))
    let accepted = try #require(try acceptedEndpoint(listener))
    guard case .internet(let address, let clientPort) = accepted, address == .v4([127, 0, 0, 1]) else {
      Issue.record("\(accepted)")
      return
    }
    #expect(clientPort != port(listener) && clientPort != 0)
    #expect(try isEmpty(listener))
    withExtendedLifetime(client.number) {}
  }

  @Test func `all addresses are IPv6 and IPv4`() throws {
    let listener = try ListeningSocket(.anyAddress(port: 0))
    let client = connectToLoopback(port(listener))
    let accepted = try #require(try acceptedEndpoint(listener))
    #expect("\(accepted)".hasPrefix("127.0.0.1:"))
    withExtendedLifetime(client.number) {}
  }

  @Test func `an address in use is an error`() throws {
    let listener = try ListeningSocket(.internet(.v4([127, 0, 0, 1]), port: 0, scope: 0))
    let address = ListenAddress.internet(.v4([127, 0, 0, 1]), port: port(listener), scope: 0)
    #expect(failure { () throws(Errno) in _ = try ListeningSocket(address) } == .addressInUse)
    let elsewhere = ListenAddress.internet(.v4([192, 0, 2, 1]), port: 0, scope: 0)
    #expect(failure { () throws(Errno) in _ = try ListeningSocket(elsewhere) } == .addressNotAvailable)
  }

  @Test func `an accepted socket finds dead peers, sends at once, never blocks and stays in this program`() throws {
    let listener = try ListeningSocket(.internet(.v4([127, 0, 0, 1]), port: 0, scope: 0))
    let client = connectToLoopback(port(listener))
    let socket = try acceptedSocket(listener)
    let number = socket.number
    #expect(option(number, SOL_SOCKET, SO_KEEPALIVE) == 1)
    #expect(option(number, Int32(IPPROTO_TCP), TCP_NODELAY) == 1)
    let (idle, interval, count) = (
      option(number, Int32(IPPROTO_TCP), TCP_KEEPIDLE), option(number, Int32(IPPROTO_TCP), TCP_KEEPINTVL),
      option(number, Int32(IPPROTO_TCP), TCP_KEEPCNT)
    )
    #expect(idle + interval * count <= 300)
    #expect(fcntl(number, F_GETFL) & O_NONBLOCK != 0)
    #expect(fcntl(number, F_GETFD) & FD_CLOEXEC != 0)
    #expect(fcntl(listener.number, F_GETFL) & O_NONBLOCK != 0)
    withExtendedLifetime((client.number, socket.number)) {}
  }

  @Test func `a socket that listens already is taken over`() throws {
    let number = require(socket(AF_INET, linux_SOCK_STREAM, 0))
    #expect(!ListeningSocket.isListening(number))
    require(listen(number, 1))
    #expect(ListeningSocket.isListening(number))
    let listener = try ListeningSocket(adopting: number)
    #expect(listener.name == "0.0.0.0:\(port(listener))")
    #expect(try isEmpty(listener))
    let client = connectToLoopback(port(listener))
    #expect(!ListeningSocket.isListening(client.number))
    #expect(try !isEmpty(listener))
  }

  @Test func `what is no stream socket is not listening`() {
    let (reading, writing) = makePipe()
    let datagram = Descriptor(owning: require(socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)))
    let packets = Descriptor(owning: require(socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue), 0)))
    let folder = TemporaryDirectory()
    bind(packets.number, folder.path("packets"))
    require(listen(packets.number, 1))
    for number in [reading, writing, datagram.number, packets.number, -1] {
      #expect(!ListeningSocket.isListening(number))
    }
    close(reading)
    close(writing)
  }

  private func isEmpty(_ listener: ListeningSocket) throws -> Bool { try acceptedEndpoint(listener) == nil }

  private func option(_ number: Int32, _ level: Int32, _ name: Int32) -> Int32 {
    var value: Int32 = -1
    var length = socklen_t(MemoryLayout<Int32>.size)
    require(unsafe getsockopt(number, level, name, &value, &length))
    return value
  }
}
