import Foundation
import Testing

extension CrowdTests {
  /// Clients who all come at the same moment.
  @Suite(.scratch, .looksInside)
  struct BurstTests {
    @Test(arguments: Transport.allCases)
    func `a thousand clients at once are all served by one worker`(over transport: Transport) throws {
      _ = try raiseDescriptorLimit()
      let hosts = try HostsDirectory()
      let backend = try hosts.addBackend("test.test", backlog: 1000)
      let proxy = try Proxy(
        hosts, options: ["--workers", "1", "--max-connections", "2000"], listen: [transport.listen])
      let before = try proxy.vitals.descriptors
      let hello = Passage.hello.bytes
      for _ in 1...2 {
        var clients: [Connection] = []
        try proxy.whileStopped {
          for number in 0..<Self.count {
            let client = try proxy.connect()
            clients.append(client)
            try client.send(hello + Self.bytes(number))
          }
        }
        for _ in 0..<Self.count {
          let served = try backend.accept()
          try #require(try served.receive(hello.count) == hello)
          try served.send(try served.receive(8).reversed())
          served.close()
        }
        for (number, client) in clients.enumerated() {
          try #require(try client.receiveAll() == (Self.bytes(number).reversed(), .finished))
          client.close()
        }
        try eventually("the connections to end") { try proxy.vitals.descriptors == before }
      }
    }

    private static func bytes(_ number: Int) -> [UInt8] { SeededBytes(seed: number).bytes(at: 0, count: 8) }

    private static let count = 1000
  }
}
