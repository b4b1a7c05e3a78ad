import Foundation
import Testing

extension CrowdTests {
  @Suite(.scratch)
  struct HalfHelloTests {
    /// Clients that never come to the end of their hello do not hinder an honest one.
    @Test(arguments: Transport.allCases)
    func `a thousand half hellos do not hinder an honest client`(over transport: Transport) throws {
      _ = try raiseDescriptorLimit()
      let hosts = try HostsDirectory()
      try hosts.addBackend("test.test").answer("answer")
      let proxy = try Proxy(hosts, options: ["--workers", "1", "--hello-timeout", "600"], listen: [transport.listen])
      let hello = Hello("test.test", padding: 20_000).bytes
      let half = hello.count / 2
      let slow = try (0..<1000).map { _ in try proxy.connect() }
      for client in slow { try client.send(Array(hello.prefix(half))) }
      for turn in 0..<20 {
        for client in slow { try client.send([hello[half + turn]]) }
        #expect(try proxy.ask("test.test") == "answer")
      }
      try proxy.vitals.expectRest()
      for client in slow { try client.send(Array(hello.dropFirst(half + 20))) }
      for client in slow { #expect(try client.receiveAll() == (Array("answer".utf8), .finished)) }
    }
  }
}
