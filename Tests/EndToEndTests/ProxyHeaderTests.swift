import Foundation
import Testing

/// The PROXY header, byte for byte, as a raw backend gets it.
@Suite(.scratch)
struct ProxyHeaderTests {
  let loopback6 = [UInt8](repeating: 0, count: 15) + [1]

  @Test func `without a flag there is no header`() throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("plain.test")
    let proxy = try Proxy(hosts)
    let hello = Hello("plain.test").bytes
    let client = try proxy.connect(Hello("plain.test"))
    #expect(try backend.accept().receive(hello.count) == hello)
    client.close()
  }

  @Test(arguments: [Address.ip4(0), .ip6(0)])
  func `a header of version 1`(address: Address) throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("v1.test", flags: .v1)
    let proxy = try Proxy(hosts, listen: ["\(address)"])
    let hello = Hello("v1.test", protocols: ["h2"])
    let client = try proxy.connect(hello)
    let (family, host) = if case .ip4 = address { ("TCP4", "127.0.0.1") } else { ("TCP6", "::1") }
    let expected = Array("PROXY \(family) \(host) \(host) \(try client.port) \(proxy.port)\r\n".utf8) + hello.bytes
    let served = try backend.accept()
    #expect(try served.receive(expected.count) == expected)
    client.finishSending()
    try served.expectEnd()
  }

  @Test(arguments: [Address.ip4(0), .ip6(0)])
  func `a header of version 2, with the name as sent and the protocol`(address: Address) throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("v2.test", flags: .v2)
    let proxy = try Proxy(hosts, listen: ["\(address)"])
    let hello = Hello("V2.Test", protocols: ["h2"])
    let client = try proxy.connect(hello)
    let served = try backend.accept()
    let header = try ProxyHeaderVersion2(from: served)
    let ports = ProxyHeaderVersion2.ports(try client.port, proxy.port)
    #expect(header.command == .proxy)
    if case .ip4 = address {
      #expect(header.family == 0x11 && header.addresses == [127, 0, 0, 1, 127, 0, 0, 1] + ports)
    } else {
      #expect(header.family == 0x21 && header.addresses == loopback6 + loopback6 + ports)
    }
    #expect(header.values == [2: Array("V2.Test".utf8), 1: Array("h2".utf8)])
    #expect(try served.receive(hello.bytes.count) == hello.bytes)
    client.finishSending()
    try served.expectEnd()
  }

  @Test(arguments: [[], ["http/1.1"], ["h2", "http/1.1"]])
  func `only a single offered protocol is told`(protocols: [String]) throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("v2.test", flags: .v2)
    let proxy = try Proxy(hosts)
    let client = try proxy.connect(Hello("v2.test", protocols: protocols))
    let header = try ProxyHeaderVersion2(from: backend.accept())
    let expected = protocols.count == 1 ? Array(protocols[0].utf8) : nil
    #expect(header.values[ProxyHeaderVersion2.alpn] == expected)
    #expect(header.values[ProxyHeaderVersion2.authority] == Array("v2.test".utf8))
    client.close()
  }

  @Test func `where both flags are present, version 2 is sent`() throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("both.test", flags: .v1, .v2)
    let proxy = try Proxy(hosts)
    let client = try proxy.connect(Hello("both.test"))
    #expect(try ProxyHeaderVersion2(from: backend.accept()).command == .proxy)
    client.close()
  }

  @Test(arguments: HostsDirectory.Flag.allCases)
  func `a flag may be an entry of any type, a dangling link too`(flag: HostsDirectory.Flag) throws {
    let hosts = try HostsDirectory()
    let proxy = try Proxy(hosts)
    let makers: [(String) throws -> Void] = [
      { try link($0, to: "/nonexistent/destination") },
      { try FileManager.default.createDirectory(atPath: $0, withIntermediateDirectories: false) },
      { #expect(FileManager.default.createFile(atPath: $0, contents: nil, attributes: [.posixPermissions: 0])) },
    ]
    for (index, make) in makers.enumerated() {
      let backend = try hosts.addBackend("flag\(index).test")
      try make("\(hosts.path)/flag\(index).test/\(flag.rawValue)")
      let client = try proxy.connect(Hello("flag\(index).test"))
      let start = try backend.accept().receive(6)
      #expect(start == (flag == .v1 ? Array("PROXY ".utf8) : [13, 10, 13, 10, 0, 13]))
      client.close()
    }
  }

  @Test func `an IPv4 client of a dual-stack socket is TCP4`() throws {
    let hosts = try HostsDirectory()
    let one = try hosts.addBackend("v1.test", flags: .v1)
    let two = try hosts.addBackend("v2.test", flags: .v2)
    let proxy = try Proxy(hosts, listen: [":0"])
    let families = [
      (Address.ip4(proxy.port), "TCP4 127.0.0.1 127.0.0.1", 0x11), (.ip6(proxy.port), "TCP6 ::1 ::1", 0x21),
    ]
    for (address, prefix, family) in families {
      let client = try Connection(to: address)
      try client.send(Hello("v1.test").bytes)
      let expected = "PROXY \(prefix) \(try client.port) \(proxy.port)\r\n"
      #expect(String(decoding: try one.accept().receive(expected.utf8.count), as: UTF8.self) == expected)
      let other = try Connection(to: address)
      try other.send(Hello("v2.test").bytes)
      let header = try ProxyHeaderVersion2(from: two.accept())
      #expect(header.family == family)
    }
  }

  @Test func `a Unix client is UNKNOWN, and unspecified with its values in version 2`() throws {
    let hosts = try HostsDirectory()
    let one = try hosts.addBackend("v1.test", flags: .v1)
    let two = try hosts.addBackend("v2.test", flags: .v2)
    let proxy = try Proxy(hosts, listen: ["unix:\(Scratch.current.file("listener"))"])

    let hello = Hello("v1.test").bytes
    let client = try proxy.connect()
    try client.send(hello)
    let expected = Array("PROXY UNKNOWN\r\n".utf8) + hello
    #expect(try one.accept().receive(expected.count) == expected)

    let other = try proxy.connect()
    try other.send(Hello("V2.test", protocols: ["h2"]).bytes)
    let header = try ProxyHeaderVersion2(from: two.accept())
    #expect(header.command == .proxy && header.family == 0 && header.addresses.isEmpty)
    #expect(header.values == [2: Array("V2.test".utf8), 1: Array("h2".utf8)])
  }
}

/// The PROXY header as real servers understand it.
@Suite(.scratch, .requires("nginx", "haproxy", "curl", "openssl"))
struct RealProxyHeaderTests {
  @Test(arguments: HostsDirectory.Flag.allCases)
  func `nginx logs the client's address`(flag: HostsDirectory.Flag) throws {
    let certificate = try Certificate("nginx.test")
    let hosts = try HostsDirectory()
    let nginx = try Nginx(
      at: hosts.add("nginx.test", flags: flag).socket, certificate, listen: "proxy_protocol",
      server: "set_real_ip_from unix:; real_ip_header proxy_protocol;")
    let proxy = try Proxy(hosts)
    let answer = try proxy.curl("nginx.test", certificate, "--write-out", "%{local_port}")
    let words = answer.split { $0 == " " || $0 == "\n" }
    try #require(words.count == 7)
    #expect(words[4] == "127.0.0.1" && words[5] == words[6])
    try eventually("the client's address in nginx's log: \(nginx.log)") {
      nginx.log.contains("127.0.0.1 \(words[6]) nginx.test ")
    }
  }

  @Test(arguments: HostsDirectory.Flag.allCases)
  func `HAProxy knows the client's address, and the name from version 2`(flag: HostsDirectory.Flag) throws {
    let certificate = try Certificate("haproxy.test")
    let hosts = try HostsDirectory()
    let entry = try hosts.add("haproxy.test", flags: flag)
    _ = try HAProxy(at: entry.socket, certificate, bind: "accept-proxy")
    let proxy = try Proxy(hosts)
    let answer = try proxy.curl("haproxy.test", certificate, "--write-out", "%{local_port}")
    let words = answer.split { $0 == " " || $0 == "\n" }
    try #require(words.count == 7)
    #expect(words[3] == "127.0.0.1" && words[4] == words[6])
    #expect(words[5] == (flag == .v2 ? "authority=haproxy.test" : "authority="))
  }
}
