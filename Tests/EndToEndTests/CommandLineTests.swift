import Foundation
import Testing

/// Exit statuses and messages, which are an interface.
@Suite(.scratch)
struct CommandLineTests {
  @Test(arguments: [
    ["--listen", "nonsense"], ["--listen", ""], ["--listen", "127.0.0.1:65536"], ["--listen", "127.0.0.1:"],
    ["--listen", "127.0.0.1"], ["--listen", "-1"], ["--listen", "[::1:80"], ["--listen", "::1:80"],
    ["--listen", "256.0.0.1:80"], ["--listen", "host.test:80"], ["--listen", "unix:"], ["--listen", "80x"],
    ["--workers", "0"], ["--workers", "-1"], ["--workers", "x"], ["--workers", "1.5"], ["--workers", ""],
    ["--hello-timeout", "x"], ["--hello-timeout", "-1"], ["--hello-timeout", ""], ["--hello-timeout", "nan"],
    ["--connect-timeout", "x"], ["--connect-timeout", "-1"], ["--connect-timeout", "inf"],
    ["--drain-timeout", "x"], ["--drain-timeout", "-1"], ["--drain-timeout", "10s"],
    ["--idle-exit", "x"], ["--idle-exit", "-1"],
    ["--max-connections", "0"], ["--max-connections", "-1"], ["--max-connections", "many"],
    ["--max-connections", "99999999999999999999"],
    ["--user", "no-such-user"], ["--user", ""], ["--user", "-1"], ["--user", "1:"], ["--user", "1:x"],
    ["--user", "99999999999"], ["--user", "4294967295"], ["--user", "4294967295:0"], ["--user", "1:4294967295"],
    ["--hosts", "/nonexistent/hosts"], ["--hosts", "/dev/null"], ["--hosts", ""],
    ["--no-such-option"], ["--hashed=yes"], ["an-argument"],
    ["--hosts"], ["--listen"], ["--workers"], ["--user"],
  ])
  func `wrong usage ends with 100, and a message that names the culprit`(_ wrong: [String]) throws {
    let listen = wrong[0] == "--listen" ? [] : ["--listen", "127.0.0.1:0"]
    let (status, output, error) = try sniproxy(listen + wrong)
    #expect(status == .exited(100), "\(error)")
    #expect(output.isEmpty)
    #expect(error.contains(wrong[0].replacing(/=.*/, with: "")), "the message names the culprit: \(error)")
  }

  @Test(arguments: [
    ["sniproxy", "--x\u{1b}[31m"], ["sniproxy", "--listen", "x\u{1b}[31m"], ["sniproxy", "--hosts", "/x\u{1b}[31m"],
    ["sniproxy", "--user", "x\u{1b}[31m"], ["sniproxy", "--listen", "unix:/nonexistent/x\u{1b}[31m"],
    ["sniproxy-status", "--x\u{1b}[31m"], ["sniproxy-status", "x\u{1b}[31m"], ["sniproxy-hostname", "--x\u{1b}[31m"],
    ["sniproxy-listen", "--x\u{1b}[31m", "/tmp", "--", "true"], ["sniproxy-check", "--x\u{1b}[31m"],
  ])
  func `an argument that is shown steers no terminal`(command: [String]) throws {
    let done = try Child(try Program.path(command[0]), Array(command.dropFirst()))
    #expect(try done.wait() != .exited(0) && done.output.isEmpty)
    #expect(!done.error.contains("\u{1b}") && done.error.contains(/[^ ]+31m/), "\(done.error)")
  }

  @Test func `the name of a listener splits no line of the log`() throws {
    let hosts = try HostsDirectory()
    let path = Scratch.current.file("a\n<0>b\u{1b}")
    let proxy = try Proxy(hosts, listen: ["unix:\(path)"])
    let shown = path.replacing("\n", with: "\\x0a").replacing("\u{1b}", with: "\\x1b")
    #expect(proxy.log.contains("listening on unix:\(shown)\n"), "\(proxy.log)")
  }

  @Test func `without a listening socket the three ways are shown`() throws {
    let (status, _, error) = try sniproxy([])
    #expect(status == .exited(100))
    #expect(error.contains("--listen") && error.contains("service manager") && error.contains("standard input"))
  }

  /// Whoever reads standard error may be slow.
  @Test func `the message waits for a standard error that is busy`() throws {
    let log = try FullPipe()
    let child = try Child(try Program.path("sniproxy"), [], descriptors: [2: .descriptor(log.writeEnd)])
    usleep(200_000)
    let message = try log.drain()
    #expect(try child.wait() == .exited(100))
    #expect((message + (try log.drain())).contains("--listen"))
  }

  @Test func `a connected socket as standard input is no listening socket`() throws {
    let listener = try Listener(.ip4(0))
    let client = try Connection(to: listener.address)
    #expect(try sniproxy([], standardInput: .descriptor(client.descriptor)).status == .exited(100))
  }

  @Test func `an address in use ends it with 111`() throws {
    let listener = try Listener(.ip4(0))
    let (status, _, error) = try sniproxy(["--listen", "\(listener.address)"])
    #expect(status == .exited(111))
    #expect(error.contains("\(listener.address)") && error.contains("in use"))
  }

  @Test func `an address of another machine ends it with 111`() throws {
    let (status, _, error) = try sniproxy(["--listen", "127.0.0.1:0", "--listen", "192.0.2.1:0"])
    #expect(status == .exited(111))
    #expect(error.contains("192.0.2.1:0"))
  }

  @Test(arguments: ["sniproxy", "sniproxy-hostname"])
  func `--help and --version are answered on standard output`(program: String) throws {
    let path = try Program.path(program)
    let help = try run(path, "--help")
    #expect(help.status == .exited(0) && help.error.isEmpty)
    #expect(help.output.contains("USAGE: \(program)"))
    let version = try run(path, "--version")
    #expect(version.status == .exited(0) && version.error.isEmpty)
    #expect(version.output.contains(/[0-9]+\.[0-9]+/))
  }

  @Test func `the help names every option`() throws {
    let help = try sniproxy(["--help"]).output
    let options = [
      "listen", "hosts", "hashed", "workers", "hello-timeout", "connect-timeout", "drain-timeout", "max-connections",
      "idle-exit", "access-log", "user", "help", "version",
    ]
    for option in options { #expect(help.contains("--\(option)")) }
  }

  private func sniproxy(_ arguments: [String], standardInput: Child.Source = .null) throws -> (
    status: Child.Status, output: String, error: String
  ) {
    let child = try Child(try Program.path("sniproxy"), arguments, descriptors: [0: standardInput])
    return (try child.wait(), child.output, child.error)
  }
}
