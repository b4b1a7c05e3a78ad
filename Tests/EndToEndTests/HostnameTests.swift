import Foundation
import Testing

/// The program `sniproxy-hostname`, as a shell runs it.
@Suite struct HostnameTests {
  private static let names = [
    ("example.com", "example.com"),
    ("WWW.Example.COM.", "www.example.com"),
    ("localhost", "localhost"),
    ("_acme-challenge.a_b.de", "_acme-challenge.a_b.de"),
    ("XN--FA-HIA.de", "xn--fa-hia.de"),
    ("xn--not-checked-0.de", "xn--not-checked-0.de"),
    ("a--b.de", "a--b.de"),
    ("faß.de", "xn--fa-hia.de"),
    ("🕸💍.ws", "xn--sr8hvo.ws"),
    ("Bücher.example", "xn--bcher-kva.example"),
    ("bu\u{308}cher.example", "xn--bcher-kva.example"),
    ("BÜCHER.EXAMPLE.", "xn--bcher-kva.example"),
    ("βόλος.com", "xn--nxasmm1c.com"),
    ("例え。テスト", "xn--r8jz45g.xn--zckzah"),
    ("例え.テスト。", "xn--r8jz45g.xn--zckzah"),
    ("ｗｗｗ.example", "www.example"),
    ("ü.xn--fa-hia.de", "xn--tda.xn--fa-hia.de"),
    ("a_ü.de", "xn--a_-yka.de"),
    ("ab--ü.de", "xn--ab---3ra.de"),
    ("יוניקוד.com", "xn--7dbdaob5byc.com"),
    ("क्‍ष.com", "xn--11b2ezcw70k.com"),
    ("bu\u{ad}ch.de", "buch.de"),
  ]

  @Test func `a name as a person writes it becomes the directory's name`() throws {
    for (written, expected) in Self.names {
      #expect(try run([written]) == Result(0, "\(expected)\n"), "\(written)")
    }
  }

  @Test func `several names get a line each, in their order`() throws {
    let result = try run(Self.names.map(\.0))
    #expect(result == Result(0, Self.names.map { "\($0.1)\n" }.joined()))
  }

  private static let label = String(repeating: "a", count: 63)
  private static let longest = [label, label, label, String(repeating: "a", count: 61)].joined(separator: ".")

  private static let rubbish = [
    ("", "\"\": no hostname: it is empty"),
    (".", "\".\": no hostname: it is empty"),
    ("a.de..", "\"a.de..\": no hostname: it ends with more than one dot"),
    ("a..de", "\"a..de\": no hostname: nothing is between two dots"),
    (".de", "\".de\": no hostname: nothing is between two dots, or before the first"),
    ("a.-b", "\"a.-b\": no hostname: a label starts or ends with a hyphen"),
    ("\(label)a", "\"\(label)a\": no hostname: a label has 64 bytes"),
    ("\(longest)a", "\"\(longest)a\": no hostname: it has 254 bytes"),
    ("192.0.2.1", "\"192.0.2.1\": no hostname: it ends like an IP address"),
    ("*.de", "\"*.de\": no hostname: there are no wildcards"),
    ("https://a.de", "\"https://a.de\": no hostname: it has a colon or a slash"),
    ("a b", "\"a b\": no hostname: it has \" \""),
    ("a\nb", "\"a\\nb\": no hostname: it has \"\\n\""),
    ("１.２", "\"１.２\": no hostname: as \"1.2\", it ends like an IP address"),
    ("ü/x", "\"ü/x\": no hostname: as \"xn--/x-wka\", it has a colon or a slash"),
    ("\u{ad}", "\"\\u{00AD}\": no hostname: as \"\", it is empty"),
    ("\(label)ü", "as \"xn--\(label)-"),
    ("ü.\(longest)", "no hostname: as xn-- labels it has 261 bytes"),
    (String(repeating: "ü.", count: 400), "no hostname: as xn-- labels it has 3200 bytes"),
    ("a\u{202e}b", "\"a\\u{202E}b\": no hostname: it has \"\\u{202E}\" (U+202E), which no name may have"),
    ("ü⒈", "\"ü⒈\": no hostname: it has \"⒈\" (U+2488)"),
    ("ü.\u{300}a", "a label starts with a combining mark"),
    ("xn--ü", "a label after xn-- is no Punycode"),
    ("xn--zz.ü", "a label after xn-- is no Punycode"),
    ("xn--wca.ü", "a label after xn-- is not as it is made from Unicode"),
    ("אa.de", "it mixes directions of writing"),
    ("ü\u{200d}.de", "a zero-width joiner stands where"),
  ]

  @Test func `what is no hostname is told, with the reason`() throws {
    for (written, reason) in Self.rubbish {
      let result = try run(["--", written])
      #expect(result.status == 100 && result.output == "", "\(written)")
      #expect(result.errors.hasPrefix("sniproxy-hostname: \""), "\(written)")
      #expect(result.errors.contains(reason), "\(written): \(result.errors)")
      #expect(result.errors.count { $0 == "\n" } == 1, "\(written)")
    }
  }

  @Test func `bad names do not keep good ones from being printed`() throws {
    let result = try run(["A.de", "a..de", "ü.de", "*"])
    #expect(result.status == 100)
    #expect(result.output == "a.de\nxn--tda.de\n")
    let lines = result.errors.split(separator: "\n")
    #expect(lines.count == 2 && lines[0].contains("\"a..de\"") && lines[1].contains("\"*\""))
  }

  @Test func `bytes that are not UTF-8 are told, not repaired`() throws {
    let result = try shell(#""$PROGRAM" a.de "$(printf 'b\377\033.de')" c.de"#)
    #expect(result.status == 100)
    #expect(result.output == "a.de\nc.de\n")
    #expect(result.errors.hasPrefix("sniproxy-hostname: \"b\\xff\\x1b.de\": no hostname: it is not UTF-8"))
  }

  @Test func `with hashed it is the sum that sha256sum prints`() throws {
    #expect(try run(["--hashed", "WWW.example.com"]).output == sum("www.example.com"))
    #expect(try run(["ü.de", "--hashed", "a.de"]).output == sum("xn--tda.de") + sum("a.de"))
    #expect(try run(["--hashed", "a..de"]) == run(["a..de"]))
  }

  private func sum(_ name: String) throws -> String {
    try shell("printf %s \(name) | sha256sum | cut -d ' ' -f 1").output
  }

  @Test func `wrong usage is status 100`() throws {
    for arguments in [[], ["--hashed"], ["--nonsense", "a.de"], ["--nonsense"], ["-x.de"], ["--hashed=1", "a.de"]] {
      let result = try run(arguments)
      #expect(result.status == 100 && result.output == "", "\(arguments)")
      #expect(result.errors.hasPrefix("sniproxy-hostname: ") && result.errors.contains("Usage: "), "\(arguments)")
      #expect(result.errors.split(separator: "\n").count <= 4, "\(result.errors)")
      let isUnknown = arguments.contains("--nonsense")
      #expect(result.errors.contains("Unknown option '--nonsense'") == isUnknown, "\(result.errors)")
    }
  }

  @Test func `help and version are success, in 80 columns`() throws {
    let help = try run(["--help"])
    #expect(help.status == 0 && help.errors == "")
    #expect(help.output.contains("USAGE: sniproxy-hostname "))
    #expect(help.output.split(separator: "\n").allSatisfy { $0.count <= 80 })
    let version = try run(["--version"])
    #expect(version.status == 0 && version.output.contains(/^sniproxy-hostname [0-9]+\.[0-9]+\.[0-9]+\n$/))
  }

  private static let failures = [
    ("a.de >/dev/full", "No space left on device"), ("--help >/dev/full", "No space left on device"),
    ("a.de >&-", "Bad file descriptor"),
  ]

  @Test func `a failed write is status 111`() throws {
    for (command, reason) in Self.failures {
      let result = try shell("\"$PROGRAM\" \(command)")
      #expect(result.status == 111, "\(command)")
      #expect(result.errors == "sniproxy-hostname: cannot write to standard output: \(reason)\n", "\(command)")
    }
  }

  @Test func `a reader that went away is a failed write, not a signal`() throws {
    let result = try shell("{ sleep 0.2; \"$PROGRAM\" a.de; echo $? >&2; } | true")
    #expect(result.errors == "sniproxy-hostname: cannot write to standard output: Broken pipe\n111\n")
  }

  @Test func `the locale does not matter`() throws {
    #expect(try shell("LC_ALL=C \"$PROGRAM\" faß.de").output == "xn--fa-hia.de\n")
    #expect(try shell("env -i \"$PROGRAM\" faß.de").output == "xn--fa-hia.de\n")
  }
}

private struct Result: Equatable {
  var status: Int32
  var output: String
  var errors = ""

  init(_ status: Int32, _ output: String) {
    self.status = status
    self.output = output
  }
}

private func run(_ arguments: [String]) throws -> Result { try execute(program, arguments) }

/// A line for the shell, in which PROGRAM is the program.
private func shell(_ line: String) throws -> Result { try execute(URL(filePath: "/bin/sh"), ["-c", line]) }

private func execute(_ file: URL, _ arguments: [String]) throws -> Result {
  try #require(
    FileManager.default.isExecutableFile(atPath: program.path), "build the programs first: swift build -c release")
  let process = Process()
  let (output, errors) = (Pipe(), Pipe())
  process.executableURL = file
  process.arguments = arguments
  process.environment = ProcessInfo.processInfo.environment.merging(["PROGRAM": program.path]) { $1 }
  process.standardInput = FileHandle.nullDevice
  process.standardOutput = output
  process.standardError = errors
  try process.run()
  var result = Result(0, String(decoding: try output.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self))
  result.errors = String(decoding: try errors.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
  process.waitUntilExit()
  result.status = process.terminationStatus
  return result
}

private let program: URL = {
  let package = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent()
  let folder = ProcessInfo.processInfo.environment["SNIPROXY_PROGRAMS"].map { URL(filePath: $0) }
  return (folder ?? package.appending(path: ".build/release")).appending(path: "sniproxy-hostname")
}()
