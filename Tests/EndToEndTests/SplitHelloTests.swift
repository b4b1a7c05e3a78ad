import Foundation
import Testing

/// ClientHellos that arrive in pieces.
@Suite(.scratch)
struct SplitHelloTests {
  @Test(.requires("nginx", "openssl"), arguments: ["-tls1_2", "-tls1_3"])
  func `a hello in records of 100 bytes`(version: String) throws {
    let certificate = try Certificate("nginx.test")
    let hosts = try HostsDirectory()
    _ = try Nginx(at: hosts.add("nginx.test").socket, certificate)
    let proxy = try Proxy(hosts)
    let answer = try proxy.opensslClient("nginx.test", certificate, version, "-split_send_frag", "100")
    #expect(answer.contains("nginx nginx.test "))
  }

  @Test(.requires("nginx", "curl", "openssl"))
  func `a real handshake whose hello travels one byte a record and a segment`() throws {
    let certificate = try Certificate("nginx.test")
    let hosts = try HostsDirectory()
    _ = try Nginx(at: hosts.add("nginx.test").socket, certificate)
    let proxy = try Proxy(hosts)
    let splitter = try Listener(.ip4(0))
    let destination = proxy.addresses[0]
    splitter.serve { client in
      let header = try client.receive(5)
      let message = try client.receive(Int(header[3]) << 8 | Int(header[4]))
      let server = try Connection(unattended: destination)
      defer { server.close() }
      try server.sendByteByByte(Hello.records(message, size: 1))
      try join(client, server)
    }
    let arguments = Proxy.curlArguments("nginx.test", port: splitter.address.port, certificate)
    let child = try Child("curl", arguments)
    #expect(try child.wait() == .exited(0), "\(child.error); the proxy's log: \(proxy.log)")
    #expect(child.output.hasPrefix("nginx nginx.test TLSv1.3 "))
  }

  @Test(arguments: [1, 2, 3, 7, 100, 16_384], [0, 3000])
  func `every byte arrives as it was sent, however it was cut`(recordSize: Int, padding: Int) throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("split.test")
    let proxy = try Proxy(hosts)
    let hello = Hello("split.test", padding: padding, recordSize: recordSize).bytes + Array("early data".utf8)
    let client = try proxy.connect()
    try client.sendByteByByte(hello)
    let served = try backend.accept()
    #expect(try served.receive(hello.count) == hello)
    try served.send("welcome")
    #expect(try client.receive(7) == Array("welcome".utf8))
  }

  @Test func `a Unix client writes byte by byte`() throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("split.test")
    let proxy = try Proxy(hosts, listen: ["unix:\(Scratch.current.file("listener"))"])
    let hello = Hello("split.test", padding: 3000, recordSize: 5).bytes
    let client = try proxy.connect()
    for byte in hello { try client.send([byte]) }
    #expect(try backend.accept().receive(hello.count) == hello)
  }
}

/// Passes on bytes both ways until both have ended.
private func join(_ one: Connection, _ other: Connection) throws {
  let threads = DispatchGroup()
  for (source, destination) in [(one, other), (other, one)] {
    Scratch.current.start(in: threads) {
      while let received = try? source.awaitSome(), case .bytes(let bytes) = received {
        guard (try? destination.send(bytes)) != nil else { break }
      }
      destination.finishSending()
    }
  }
  threads.wait()
}
