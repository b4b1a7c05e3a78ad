import Foundation
import Testing

/// Servers that are reloaded, or replaced, while clients come without pause: every one is answered.
@Suite(.scratch, .serialized, .requires("curl", "openssl")) struct ServerReloadTests {
  @Test(.requires("nginx"), arguments: ["ssl", "ssl reuseport"])
  func `nginx is reloaded, and its program replaced`(listen: String) throws {
    let site = try HandedSite()
    var master = try site.startNginx(workers: 2, listen: listen)
    let clients = ClientsWithoutPause(site)
    try clients.more(20)
    for _ in 0..<2 { try site.reload(clients) { kill(master, SIGHUP) } }

    let old = master
    kill(old, SIGUSR2)
    try eventually("a new master: \(site.log)") {
      master = (try? site.process(in: "pid")) ?? old
      return master != old
    }
    try clients.more(20)
    kill(old, SIGWINCH)
    try clients.more(20)
    kill(old, SIGQUIT)
    try eventually("the end of the old one") {
      !FileManager.default.fileExists(atPath: "\(site.directory)/pid.oldbin")
    }
    try clients.more(20)
    try site.reload(clients) { kill(master, SIGHUP) }
    #expect(clients.stop() == [])
    #expect(try site.files == ["tls-handoff"])
    let errors = try String(contentsOfFile: "\(site.directory)/errors", encoding: .utf8)
    #expect(!errors.contains("[alert]") && !errors.contains("[crit]") && !errors.contains("[emerg]"), "\(errors)")
  }

  @Test(.requires("apache2")) func `Apache is restarted gracefully`() throws {
    let site = try HandedSite()
    let first = try site.startApache()
    let clients = ClientsWithoutPause(site)
    try clients.more(20)
    for _ in 0..<2 { try site.reload(clients) { kill(first, SIGUSR1) } }
    #expect(clients.stop() == [])
  }

  @Test(.requires("haproxy")) func `HAProxy's master gives the listeners to a new worker`() throws {
    let site = try HandedSite()
    let master = try site.startHAProxy()
    let clients = ClientsWithoutPause(site)
    try clients.more(20)
    for _ in 0..<2 { try site.reload(clients) { kill(master, SIGUSR2) } }
    #expect(clients.stop() == [])
    #expect(try site.files == ["tls-handoff"])
  }
}

extension HandedSite {
  /// Waits until only processes serve that did not before.
  fileprivate func reload(_ clients: ClientsWithoutPause, _ reload: () -> Void) throws {
    try clients.more(20)
    let known = Set(processes)
    reload()
    try eventually("new processes: \(log.suffix(2000))", within: 2 * patience) {
      known.isDisjoint(with: processes.suffix(20)) || !clients.failures.isEmpty
    }
  }
}
