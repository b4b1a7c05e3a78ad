import Foundation
import Testing

/// Under s6-supervise, with the listening socket as standard input.
@Suite(.scratch, .requires("s6-supervise", "s6-svc", "s6-svstat", "s6-ipcserver-socketbinder", "python3"))
struct SuperviseTests {
  enum Binder: CaseIterable {
    /// The program of s6 that binds a Unix socket.
    case s6
    /// As the binders for TCP do: non-blocking, as standard input.
    case tcp
  }

  @Test(arguments: Binder.allCases)
  func `s6-supervise restarts it, and takes it down`(binder: Binder) throws {
    let hosts = try HostsDirectory()
    try hosts.addBackend("a.test").answer("here")
    try hosts.addBackend("echo.test").echo()
    let address: Address =
      switch binder {
      case .s6: .unix(Scratch.current.file("listener"))
      case .tcp: .ip4(try unusedPort())
      }
    let service = try ServiceDirectory(binder, address, hosts)

    let first = try service.pid(otherThan: nil)
    #expect(try ask(address) == "here")

    service.control("-h")
    let second = try service.pid(otherThan: first)
    #expect(try ask(address) == "here")

    service.control("-t")
    let third = try service.pid(otherThan: second)
    #expect(try ask(address) == "here")

    let client = try Connection(to: address)
    try client.send(Hello("echo.test").bytes)
    _ = try client.receive(Hello("echo.test").bytes.count)
    service.control("-d")
    try eventually("it to stop accepting") { try !address.hasListener }
    #expect(try service.status("up") == "true", "it waits for the open connection")
    client.finishSending()
    try client.expectEnd()
    try eventually("it to end") { try service.status("up") == "false" }
    #expect(try service.status("exitcode") == "0")
    #expect(kill(third, 0) == -1)
    #expect(!service.log.contains(/[1-9][0-9]* connections? cut/), "\(service.log)")
  }

  private func ask(_ address: Address) throws -> String {
    var client: Connection?
    try eventually("a connection to \(address)") {
      client = try? Connection(to: address)
      return client != nil
    }
    try client!.send(Hello("a.test").bytes)
    defer { client!.close() }
    return String(decoding: try client!.receiveAll().bytes, as: UTF8.self)
  }
}

/// A service directory with its supervisor.
private struct ServiceDirectory {
  let directory: String
  let supervisor: Child

  var log: String { supervisor.error }

  init(_ binder: SuperviseTests.Binder, _ address: Address, _ hosts: HostsDirectory) throws {
    directory = try Scratch.current.directory("service")
    let sniproxy = "\(try Program.path("sniproxy")) --hosts \(hosts.path)"
    let run =
      switch (binder, address) {
      case (.s6, .unix(let path)): "s6-ipcserver-socketbinder \(path) \(sniproxy)"
      default:
        """
        python3 -c 'import os, socket, sys
        listener = socket.create_server(("127.0.0.1", \(address.port)))
        listener.setblocking(False)
        os.dup2(listener.fileno(), 0)
        os.execv(sys.argv[1], sys.argv[1:])' \(sniproxy)
        """
      }
    // Written by another process: a child of this one, started by another test in that moment, would keep the file open for
    // writing, and it could not be executed.
    try EndToEndTests.run(
      "sh", "-c", "printf '%s\\n' '#!/bin/sh' \"exec $1\" > \"$2\" && chmod 755 \"$2\"", "sh", run, "\(directory)/run")
    supervisor = try Child("s6-supervise", [directory])
    // s6-supervise starts the service in a session of its own, which does not end with the supervisor's process group.
    Scratch.current.atEnd { [self] in
      control("-xdk")
      _ = try? supervisor.wait()
    }
  }

  func control(_ command: String) { _ = try? run("s6-svc", command, directory) }

  func status(_ field: String) throws -> String {
    try run("s6-svstat", "-o", field, directory).output.trimmingCharacters(in: .whitespacesAndNewlines)
  }

  /// The service's process once it runs and is another than the earlier one.
  func pid(otherThan earlier: pid_t?) throws -> pid_t {
    var found: pid_t = -1
    try eventually("the service to run") {
      found = pid_t(try status("pid")) ?? -1
      return found > 0 && found != earlier
    }
    return found
  }
}
