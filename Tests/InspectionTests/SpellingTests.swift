import Inspection
import Testing

@Suite struct SpellingTests {
  @Test(arguments: [
    ("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("abc", "abd", 1), ("abc", "ab", 1), ("abc", "acb", 1),
    ("abc", "cba", 2),
    ("kitten", "sitting", 3), ("ca", "abc", 3),
  ])
  func `the distance of two words`(a: String, b: String, distance: Int) {
    #expect(editDistance(Array(a.utf8), Array(b.utf8)) == distance)
    #expect(editDistance(Array(b.utf8), Array(a.utf8)) == distance)
  }

  @Test(arguments: [
    ("send-proxy-v3", "send-proxy-v1"), ("send_proxy_v2", "send-proxy-v2"), ("send-proxy", "send-proxy-v1"),
    ("Send-Proxy-V1", "send-proxy-v1"), ("snd-proxy-v2", "send-proxy-v2"), ("proxy-v2", "send-proxy-v2"),
    ("tls-sock", "tls-socket"), ("tls_socket", "tls-socket"), ("tls-scoket", "tls-socket"),
    ("tls.socket", "tls-socket"), ("tls-hand-off", "tls-handoff"), ("tls_handoff", "tls-handoff"),
    ("TLS-Handover", "tls-handoff"), ("handoff", "tls-handoff"),
  ])
  func `what was meant`(name: String, meant: String) {
    #expect(meantFile(Array(name.utf8)).map { "\($0)" } == meant)
  }

  @Test(arguments: [
    ("send_proxy-V2", "send-proxy-v2", true), ("send-proxy", "send-proxy-v1", true),
    ("snd-proxy-v2", "send-proxy-v2", true), ("tls-scoket", "tls-socket", true), ("tls-sock", "tls-socket", true),
    ("send-proxy-v1.disabled", "send-proxy-v1", false), ("send-proxy-v2.bak", "send-proxy-v2", false),
    ("send-proxy-v1~", "send-proxy-v1", false), ("send-proxy-v3", "send-proxy-v1", false),
    (".send-proxy-v1", "send-proxy-v1", false), ("tls-socket.old", "tls-socket", false),
    ("tls-hand-off", "tls-handoff", true), ("tls-handof", "tls-handoff", true), ("tls-handoff~", "tls-handoff", false),
    ("x-send-proxy-v1", "send-proxy-v1", false), ("no-send-proxy-v1", "send-proxy-v1", false),
  ])
  func `what was turned off is no misspelling`(name: String, file: String, isMisspelt: Bool) throws {
    let meant: StaticString =
      file.hasPrefix("tls-h")
      ? "tls-handoff" : file.hasPrefix("t") ? "tls-socket" : file.hasSuffix("1") ? "send-proxy-v1" : "send-proxy-v2"
    #expect(isMisspelling(Array(name.utf8), of: meant) == isMisspelt)
  }

  @Test(arguments: ["README", "index.html", "socket", "t", "", "www", "socket.tls.d", "proxy"])
  func `what means nothing like it`(name: String) {
    #expect(meantFile(Array(name.utf8)) == nil)
  }

  @Test func `the nearest name, if one is near`() {
    let names = ["shop.example", "shop.example.org", "blog.example"].map { Array($0.utf8) }
    #expect(nearest(Array("shpo.example".utf8), in: names) == names[0])
    #expect(nearest(Array("mail.example".utf8), in: names) == nil)
    #expect(nearest(names[0], in: names) == nil)
  }
}
