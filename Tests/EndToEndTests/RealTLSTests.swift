import Foundation
import Testing

/// Real clients, through sniproxy, at real servers.
@Suite(.scratch, .requires("nginx", "haproxy", "curl", "openssl"))
struct RealTLSTests {
  @Test(arguments: ["1.2", "1.3"])
  func `curl reaches nginx`(version: String) throws {
    let certificate = try Certificate("nginx.test")
    let hosts = try HostsDirectory()
    _ = try Nginx(at: hosts.add("nginx.test").socket, certificate)
    let proxy = try Proxy(hosts)
    let answer = try proxy.curl("nginx.test", certificate, "--tlsv\(version)", "--tls-max", version)
    #expect(answer.hasPrefix("nginx nginx.test TLSv\(version) HTTP/1.1 "))
  }

  @Test(arguments: ["1.2", "1.3"])
  func `openssl s_client reaches nginx`(version: String) throws {
    let certificate = try Certificate("nginx.test")
    let hosts = try HostsDirectory()
    _ = try Nginx(at: hosts.add("nginx.test").socket, certificate)
    let proxy = try Proxy(hosts)
    let option = "-tls" + version.replacing(".", with: "_")
    let answer = try proxy.opensslClient("nginx.test", certificate, option)
    #expect(answer.contains("nginx nginx.test TLSv\(version) HTTP/1.0 "))
  }

  @Test func `the name chooses the server`() throws {
    let certificate = try Certificate("nginx.test", "haproxy.test")
    let hosts = try HostsDirectory()
    _ = try Nginx(at: hosts.add("nginx.test").socket, certificate)
    _ = try HAProxy(at: hosts.add("haproxy.test").socket, certificate)
    let proxy = try Proxy(hosts)
    #expect(try proxy.curl("nginx.test", certificate).hasPrefix("nginx nginx.test "))
    #expect(try proxy.curl("haproxy.test", certificate).hasPrefix("haproxy haproxy.test "))
    try proxy.stop()
  }

  @Test func `HTTP/2 is negotiated end to end`() throws {
    let certificate = try Certificate("nginx.test")
    let hosts = try HostsDirectory()
    _ = try Nginx(at: hosts.add("nginx.test").socket, certificate, listen: "http2")
    let proxy = try Proxy(hosts)
    #expect(try proxy.curl("nginx.test", certificate, "--http2").contains("HTTP/2.0"))
  }

  @Test(arguments: ["1.2", "1.3"])
  func `the server sees client certificates`(version: String) throws {
    let certificate = try Certificate("nginx.test")
    let client = try Certificate("client.test")
    let hosts = try HostsDirectory()
    _ = try Nginx(
      at: hosts.add("nginx.test").socket, certificate,
      server: """
        ssl_client_certificate \(client.certificate);
        ssl_verify_client on;
        location /subject { return 200 $ssl_client_s_dn; }
        """)
    let proxy = try Proxy(hosts)
    let subject = try proxy.curl(
      "nginx.test", certificate, "--tls-max", version, "--cert", client.certificate, "--key", client.key,
      path: "/subject")
    #expect(subject == "CN=client.test")
    let refusal = try proxy.curl("nginx.test", certificate, "--tls-max", version, path: "/subject")
    #expect(refusal.contains("No required SSL certificate was sent"))
  }

  @Test func `a long answer arrives whole`() throws {
    let certificate = try Certificate("nginx.test")
    let hosts = try HostsDirectory()
    let root = try Scratch.current.directory("root")
    let content = try #require(try FileHandle(forReadingFrom: URL(filePath: "/dev/urandom")).read(upToCount: 20 << 20))
    try content.write(to: URL(filePath: "\(root)/file"))
    _ = try Nginx(
      at: hosts.add("nginx.test").socket, certificate, listen: "http2",
      server: "location /file { root \(root); }")
    let proxy = try Proxy(hosts)
    for option in ["--http1.1", "--http2"] {
      let received = Scratch.current.file("received")
      _ = try proxy.curl("nginx.test", certificate, option, "--output", received, path: "/file")
      #expect(FileManager.default.contents(atPath: received) == content)
    }
  }
}
