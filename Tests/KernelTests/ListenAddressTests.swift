import Kernel
import Testing
import Wire

@Suite struct ListenAddressTests {
  private static let loopback6 = IPAddress.v6([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1])

  private static let addresses: [(String, ListenAddress, String)] = [
    ("127.0.0.1:8443", .internet(.v4([127, 0, 0, 1]), port: 8443, scope: 0), "127.0.0.1:8443"),
    ("0.0.0.0:0", .internet(.v4([0, 0, 0, 0]), port: 0, scope: 0), "0.0.0.0:0"),
    ("[::1]:443", .internet(loopback6, port: 443, scope: 0), "[::1]:443"),
    ("[0:0:0:0:0:0:0:1]:443", .internet(loopback6, port: 443, scope: 0), "[::1]:443"),
    ("[::1%lo]:443", .internet(loopback6, port: 443, scope: 1), "[::1%1]:443"),
    ("[::1%7]:443", .internet(loopback6, port: 443, scope: 7), "[::1%7]:443"),
    (":8443", .anyAddress(port: 8443), ":8443"),
    ("8443", .anyAddress(port: 8443), ":8443"),
    ("65535", .anyAddress(port: 65535), ":65535"),
    ("unix:/run/sniproxy.sock", .unix(path: "/run/sniproxy.sock"), "unix:/run/sniproxy.sock"),
    ("unix:relative:1", .unix(path: "relative:1"), "unix:relative:1"),
  ]

  @Test(arguments: addresses) func `an address is read and written as a person does it`(
    _ text: String, _ address: ListenAddress, _ written: String
  ) {
    #expect(ListenAddress(text) == address)
    #expect("\(address)" == written)
  }

  private static let rubbish = [
    "", ":", "unix:", "Unix:/run/x", "/run/x", "localhost:443", "127.0.0.1", "127.0.0.1:", "127.0.0.1:x",
    "127.0.0.1:65536",
    "127.0.0.1:-1", "127.0.0.1:+1", "127.0.0.1: 1", " 127.0.0.1:1", "127.0.0.1:1 ", "127.0.0:1", "127.0.0.256:1",
    "0x7f.0.0.1:1", "::1", "::1:443", "[::1]", "[::1]:", "[::1]443", "[::1:443", "::1]:443", "[]:443",
    "[127.0.0.1]:443",
    "[::1%]:443", "[::1%nowhere]:443", "[::1%0]:443", "[%lo]:443", "[::1%lo%lo]:443", "[::g]:443", "8443x", "-8443",
    "65536", "٣", "99999999999999999999", "*:443", "0.0.0.0/0:443", "tcp:443",
  ]

  @Test(arguments: rubbish) func `anything else is no address`(_ text: String) {
    #expect(ListenAddress(text) == nil)
  }
}
