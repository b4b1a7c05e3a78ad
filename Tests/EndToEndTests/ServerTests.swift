import Foundation
import Testing

/// Unmodified servers, without a word about a proxy in their configuration, behind sniproxy with `sniproxy-listen`. They see the
/// clients' own addresses.
@Suite(.scratch, .requires("curl", "openssl")) struct ServerTests {
  @Test(.requires("nginx"), arguments: ["ssl http2", "ssl http2 reuseport"])
  func `nginx with several workers`(listen: String) throws {
    let site = try HandedSite()
    _ = try site.startNginx(workers: 4, listen: listen)
    try site.expectClients(http: ["1.1", "2"])
  }

  @Test(.requires("apache2")) func `Apache`() throws {
    let site = try HandedSite()
    _ = try site.startApache()
    try site.expectClients(http: ["1.1", "2"])
  }

  @Test(.requires("haproxy")) func `HAProxy`() throws {
    let site = try HandedSite()
    _ = try site.startHAProxy()
    try site.expectClients(http: ["1.1", "2"])
  }

  @Test(.requires("node")) func `Node.js`() throws {
    let site = try HandedSite()
    try site.startNode()
    try site.expectClients(http: ["1.1", "2"], mapped: true)
  }

  /// The first process accepts for all, or each for itself.
  @Test(.requires("node"), arguments: [false, true]) func `Node.js with two workers`(passesListener: Bool) throws {
    let site = try HandedSite()
    try site.startNode(workers: 2, passesListener: passesListener)
    try site.expectClients(http: ["1.1", "2"], mapped: true)
    guard !passesListener else { return }
    var workers: Set<String> = []
    try eventually("both to serve") {
      workers.insert(try site.ask())
      return workers.count == 2
    }
  }

  @Test(.requires("python3")) func `Python's http.server`() throws {
    let site = try HandedSite()
    try site.startPython()
    try site.expectClients(mapped: true)
  }

  @Test(.requires("python3"), .hasUvicorn, arguments: [1, 2]) func `uvicorn`(workers: Int) throws {
    let site = try HandedSite()
    try site.startUvicorn(workers: workers)
    try site.expectClients(mapped: true)
  }
}

extension Trait where Self == ConditionTrait {
  fileprivate static var hasUvicorn: Self {
    .enabled(
      if: FileManager.default.fileExists(atPath: "/usr/lib/python3/dist-packages/uvicorn"),
      "not installed: python3-uvicorn")
  }
}
