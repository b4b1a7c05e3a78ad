import Foundation
import Synchronization
import Testing

/// Who has a say in where a name leads can lead it to their own services only.
@Suite(.scratch, .requiresRoot)
struct DelegatedNameTests {
  private let hosts: HostsDirectory
  private let homes: Homes

  init() throws {
    hosts = try HostsDirectory()
    try own(hosts.path, root, mode: 0o1777)
    homes = try Homes()
  }

  // MARK: - One user has a say

  @Test func `a user's own directory with their own socket`() throws {
    try hosts.addBackend("own.test").answer("alice's")
    try own("\(hosts.path)/own.test", alice)
    try own("\(hosts.path)/own.test/tls-socket", alice)
    try hosts.addBackend("bare.test").answer("root's")
    try own("\(hosts.path)/bare.test", alice)
    try check(["own.test": "alice's", "bare.test": nil])
  }

  @Test func `a user's link to a socket`() throws {
    for (name, owner) in [("own.test", alice), ("bob.test", bob), ("root.test", root)] {
      let socket = try homes.listen(name, owner: owner)
      try own(hosts.add(name).path, alice)
      try link("\(hosts.path)/\(name)/tls-socket", to: socket)
      try own("\(hosts.path)/\(name)/tls-socket", alice)
    }
    try check(["own.test": "own.test", "bob.test": nil, "root.test": nil])
  }

  /// Root made the directory and left it, or the link in it, to a user.
  @Test func `a user's link in the administrator's directory`() throws {
    for (name, owner) in [("own.test", alice), ("bob.test", bob)] {
      try hosts.add(name)
      try link("\(hosts.path)/\(name)/tls-socket", to: homes.listen(name, owner: owner))
      try own("\(hosts.path)/\(name)/tls-socket", alice)
    }
    try check(["own.test": "own.test", "bob.test": nil])
  }

  @Test func `a user's link to a directory`() throws {
    for (name, directory, socket) in [
      ("own.test", alice, alice), ("to-bob.test", bob, bob), ("to-root.test", root, root), ("shared.test", root, alice),
    ] {
      let target = try homes.host(name, directory: directory, socket: socket)
      try link("\(hosts.path)/\(name)", to: target)
      try own("\(hosts.path)/\(name)", alice)
    }
    try check(["own.test": "own.test", "to-bob.test": nil, "to-root.test": nil, "shared.test": "shared.test"])
  }

  @Test func `a user's link to an entry of another`() throws {
    try hosts.addBackend("root.test").answer("root's")
    try hosts.addBackend("bob.test").answer("bob's")
    for path in ["\(hosts.path)/bob.test", "\(hosts.path)/bob.test/tls-socket"] { try own(path, bob) }
    for (name, target) in [("to-root.test", "root.test"), ("to-bob.test", "bob.test")] {
      try link("\(hosts.path)/\(name)", to: target)
      try own("\(hosts.path)/\(name)", alice)
    }
    try check(["root.test": "root's", "bob.test": "bob's", "to-root.test": nil, "to-bob.test": nil])
  }

  // MARK: - The administrator's links

  @Test func `the administrator's link to a user's directory`() throws {
    for (name, socket) in [("own.test", alice), ("bob.test", bob), ("root.test", root)] {
      try link("\(hosts.path)/\(name)", to: homes.host(name, directory: alice, socket: socket))
    }
    try check(["own.test": "own.test", "bob.test": nil, "root.test": nil])
  }

  @Test(arguments: [true, false])
  func `the administrator's link through a user's directory`(wholeEntry: Bool) throws {
    for (name, socket) in [("own.test", alice), ("root.test", root)] {
      let home = try homes.directory(name, owner: alice)
      let host = HostsDirectory(path: home)
      try host.addBackend("site").answer(name)
      try own("\(home)/site/tls-socket", socket)
      if wholeEntry {
        try link("\(hosts.path)/\(name)", to: "\(home)/site")
      } else {
        try link(hosts.add(name).socket, to: "\(home)/site/tls-socket")
      }
    }
    try check(["own.test": "own.test", "root.test": nil])
  }

  @Test func `a link of a user that the administrator's link leads through`() throws {
    for (name, socket) in [("own.test", alice), ("bob.test", bob)] {
      let target = try homes.listen(name, owner: socket)
      let hop = try homes.directory("hop", owner: root, mode: 0o1777)
      try link("\(hop)/service", to: target)
      try own("\(hop)/service", alice)
      try link(hosts.add(name).socket, to: "\(hop)/service")
    }
    try check(["own.test": "own.test", "bob.test": nil])
  }

  // MARK: - Several, and anybody

  @Test func `of two users neither`() throws {
    let home = try homes.directory("home", owner: bob)
    for (name, socket) in [("alice.test", alice), ("bob.test", bob)] {
      try HostsDirectory(path: home).addBackend(name).answer(name)
      try own("\(home)/\(name)", alice)
      try own("\(home)/\(name)/tls-socket", socket)
      try link("\(hosts.path)/\(name)", to: "\(home)/\(name)")
    }
    let log = try check(["alice.test": nil, "bob.test": nil])
    #expect(log.contains("users \(bob), \(alice) all have a say"))
  }

  @Test func `a directory that anybody may change`() throws {
    for (name, mode) in [("open.test", 0o777), ("sticky.test", 0o1777)] {
      try hosts.addBackend(name).answer(name)
      try own("\(hosts.path)/\(name)", root, mode: mode)
      let hop = try homes.directory(name, owner: root, mode: mode)
      try HostsDirectory(path: hop).addBackend("host").answer(name)
      try link("\(hosts.path)/through-\(name)", to: "\(hop)/host")
    }
    let log = try check([
      "open.test": nil, "through-open.test": nil, "sticky.test": "sticky.test", "through-sticky.test": "sticky.test",
    ])
    #expect(log.contains("world-writable without the sticky bit"))
  }

  // MARK: - Whose a socket is

  @Test func `what nobody else has a say in may be anyone's`() throws {
    for owner in [root, alice, bob] {
      try hosts.addBackend("user-\(owner).test").answer("\(owner)")
      try own("\(hosts.path)/user-\(owner).test/tls-socket", owner)
      try link("\(hosts.path)/link-\(owner).test", to: homes.host("of \(owner)", directory: root, socket: owner))
    }
    try check([
      "user-\(root).test": "\(root)", "user-\(alice).test": "\(alice)", "user-\(bob).test": "\(bob)",
      "link-\(root).test": "of \(root)", "link-\(alice).test": "of \(alice)", "link-\(bob).test": "of \(bob)",
    ])
  }

  @Test func `the hosts directory's owner is an administrator`() throws {
    try own(hosts.path, alice, mode: 0o1777)
    try hosts.addBackend("own.test").answer("bob's")
    try own("\(hosts.path)/own.test", alice)
    try own("\(hosts.path)/own.test/tls-socket", bob)
    try check(["own.test": "bob's"])
  }

  /// A service manager left the socket to the user by `chown`, as above, or the user's process listens on root's file.
  @Test(.requires("setpriv", "systemd-socket-activate"))
  func `a socket is the user's who listens on it`() throws {
    for (name, user) in [("listens.test", alice), ("another.test", bob)] {
      let home = try homes.directory(name, owner: alice, mode: 0o777)
      let echo = ["systemd-socket-activate", "--accept", "--inetd", "-l", "\(home)/tls-socket", "cat"]
      let server = try Child("setpriv", ["--reuid", "\(user)", "--clear-groups"] + echo)
      try eventually("it to listen: \(server.error)") {
        FileManager.default.fileExists(atPath: "\(home)/tls-socket") && server.error.contains("Listening on")
      }
      try own("\(home)/tls-socket", root, mode: 0o777)
      try own(home, alice, mode: 0o755)
      try link("\(hosts.path)/\(name)", to: home)
    }
    let proxy = try Proxy(hosts)
    let hello = Hello("listens.test")
    #expect(try proxy.connect(hello).receive(hello.bytes.count) == hello.bytes)
    #expect(try proxy.refusal(Hello("another.test")) == 112)
  }

  /// What is there and what is not gets the same answer.
  @Test func `a user's link tells nothing of files`() throws {
    for (name, target) in [("file.test", "/etc/shadow"), ("none.test", "/etc/none"), ("directory.test", "/etc")] {
      try own(hosts.add(name).path, alice)
      try link("\(hosts.path)/\(name)/tls-socket", to: target)
      try own("\(hosts.path)/\(name)/tls-socket", alice)
    }
    try check(["file.test": nil, "none.test": nil, "directory.test": nil])
  }

  @Test func `the user id 65534 never matches`() throws {
    try hosts.addBackend("nobody.test").answer("nobody's")
    for path in ["nobody.test", "nobody.test/tls-socket"] { try own("\(hosts.path)/\(path)", 65534) }
    try check(["nobody.test": nil])
  }

  @Test func `with --any-socket-owner everybody may lead a name anywhere`() throws {
    try link("\(hosts.path)/link.test", to: homes.host("link", directory: bob, socket: root))
    try own("\(hosts.path)/link.test", alice)
    try hosts.add("socket.test")
    try link("\(hosts.path)/socket.test/tls-socket", to: homes.listen("socket", owner: bob))
    try own("\(hosts.path)/socket.test", alice)
    try check(["link.test": "link", "socket.test": "socket"], options: ["--any-socket-owner"])
  }

  @Test func `flags belong to delegated names too`() throws {
    let target = try homes.directory("home", owner: alice)
    let backend = try HostsDirectory(path: target).addBackend("site", flags: .v2)
    for path in ["site", "site/tls-socket"] { try own("\(target)/\(path)", alice) }
    try link("\(hosts.path)/flag.test", to: "\(target)/site")
    let proxy = try Proxy(hosts)
    let client = try proxy.connect(Hello("flag.test"))
    let header = try ProxyHeaderVersion2(from: backend.accept())
    #expect(header.values[ProxyHeaderVersion2.authority] == Array("flag.test".utf8))
    client.close()
  }

  // MARK: - Under attack

  /// The administrator moves a name from a service of their own to one of Alice's and back. Alice's link, which leads to
  /// Bob's socket all the time, must not be followed in between.
  @Test(arguments: [true, false])
  func `what administrators change meanwhile never leads to another's socket`(wholeEntry: Bool) throws {
    let (theirs, received) = try homes.listenQuietly(owner: bob)
    let home = try homes.directory("alice", owner: alice)
    try link("\(home)/tls-socket", to: theirs)
    try own("\(home)/tls-socket", alice)
    let name = wholeEntry ? "\(hosts.path)/test.test" : try hosts.add("test.test").socket
    let (host, suffix) = (try homes.host("root", directory: root, socket: root), wholeEntry ? "" : "/tls-socket")
    let answers = try ask(.init(name, between: host + suffix, home + suffix, owner: root), until: Sanitizer.rounds(500))
    #expect(Set(answers.keys) == ["root", "alert 112"])
    #expect(received.bytes == [])
  }

  /// Alice swaps her link between her own socket and Bob's as fast as she can.
  @Test func `a link that is swapped back and forth never leads to another's socket`() throws {
    let socket = try hosts.add("test.test").socket
    try own("\(hosts.path)/test.test", alice)
    let own = try homes.listen("alice", owner: alice)
    let (theirs, received) = try homes.listenQuietly(owner: bob)
    let answers = try ask(.init(socket, between: own, theirs, owner: alice), until: Sanitizer.rounds(500))
    #expect(Set(answers.keys) == ["alice", "alert 112"])
    #expect(received.bytes == [])
  }

  private struct Swap {
    let link: String
    let targets: [String]
    let owner: uid_t

    init(_ link: String, between first: String, _ second: String, owner: uid_t) {
      self.link = link
      targets = [first, second]
      self.owner = owner
    }

    func run(_ number: Int) {
      unsafe symlink(targets[number % 2], link + ".next")
      unsafe lchown(link + ".next", owner, owner)
      unsafe rename(link + ".next", link)
    }
  }

  /// Asks for `test.test` while a link is swapped as fast as can be, until there are so many answers of two kinds.
  private func ask(_ swap: Swap, until count: Int) throws -> [String: Int] {
    let isDone = Mutex(false)
    let swapper = DispatchGroup()
    swap.run(0)
    Scratch.current.start(in: swapper) {
      var number = 0
      while !isDone.withLock({ $0 }) {
        number += 1
        swap.run(number)
      }
    }
    defer {
      isDone.withLock { $0 = true }
      swapper.wait()
    }
    let proxy = try Proxy(hosts, "--workers", "2")
    var answers: [String: Int] = [:]
    let alarm = Alarm(in: 10 * patience)
    while answers.values.count(where: { $0 >= count }) < 2 {
      guard alarm.remaining > 0 else { throw Failure("only \(answers)") }
      let client = try proxy.connect(Hello("test.test"))
      let (bytes, _) = try client.receiveAll()
      client.close()
      answers[bytes.first == 21 ? "alert \(bytes[6])" : String(decoding: bytes, as: UTF8.self), default: 0] += 1
    }
    return answers
  }

  // MARK: -

  /// Asks for each name; nil where the name is to be refused. Gives the log.
  @discardableResult
  private func check(_ expected: [String: String?], options: [String] = []) throws -> String {
    let proxy = try Proxy(hosts, options: options)
    for (name, answer) in expected {
      if let answer {
        #expect(try proxy.ask(name) == answer, "\(name): \(proxy.log)")
      } else {
        #expect(try proxy.refusal(Hello(name)) == 112, "\(name): \(proxy.log)")
      }
    }
    try proxy.stop()
    return proxy.log
  }

}

/// Directories and sockets outside of the hosts directory.
private struct Homes {
  private let path: String

  init() throws {
    path = try Scratch.current.directory("home")
    try own(path, root, mode: 0o755)
  }

  func directory(_ name: String, owner: uid_t, mode: Int = 0o755) throws -> String {
    let directory = try Scratch.current.directory(name)
    try own(directory, owner, mode: mode)
    return directory
  }

  /// A host directory whose backend answers with the name.
  func host(_ name: String, directory owner: uid_t, socket: uid_t) throws -> String {
    let host = try directory("host", owner: owner)
    try Listener(in: host).answer(name)
    try own("\(host)/tls-socket", socket, mode: 0o777)
    return host
  }

  /// A socket whose backend answers with the name.
  func listen(_ name: String, owner: uid_t) throws -> String {
    let socket = Scratch.current.file("socket")
    try Listener(.unix(socket)).answer(name)
    try own(socket, owner, mode: 0o777)
    return socket
  }

  /// A socket whose backend only notes what it receives.
  func listenQuietly(owner: uid_t) throws -> (socket: String, received: Received) {
    let socket = Scratch.current.file("socket")
    let received = Received()
    try Listener(.unix(socket)).serve { connection in
      let (bytes, _) = try connection.receiveAll()
      received.add(bytes)
    }
    try own(socket, owner, mode: 0o777)
    return (socket, received)
  }
}

private final class Received: Sendable {
  private let all = Mutex<[UInt8]>([])

  var bytes: [UInt8] { all.withLock { $0 } }

  func add(_ bytes: [UInt8]) { all.withLock { $0 += bytes } }
}

/// Gives a file or a link to a user. All may write to a socket then, root too, who has no capability in the proxy.
private func own(_ path: String, _ user: uid_t, mode: Int? = nil) throws {
  guard unsafe lchown(path, user, user) == 0 else { throw Failure("cannot give away \(path): \(lastError)") }
  let isSocket = try FileManager.default.attributesOfItem(atPath: path)[.type] as? FileAttributeType == .typeSocket
  if let mode = mode ?? (isSocket ? 0o666 : nil) {
    try FileManager.default.setAttributes([.posixPermissions: mode], ofItemAtPath: path)
  }
}

private let root: uid_t = 0
private let alice: uid_t = 4321
private let bob: uid_t = 8765
