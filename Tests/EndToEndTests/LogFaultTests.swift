import Foundation
import Testing

/// A log that cannot be written makes no client wait, and what is not written is counted.
@Suite(.scratch)
struct LogFaultTests {
  /// A full pipe that nobody reads.
  @Test func `a blocked log makes nobody wait, and what it lost is told`() throws {
    let pipe = try LogPipe()
    pipe.fill()
    let passage = try LoggedPassage(log: .descriptor(pipe.writer), options: ["--access-log"])
    pipe.closeWriter()
    try passage.serve(Self.clients)
    // Connections that finish have not taken the room of other lines.
    try passage.refuse(Self.refused, Hello("unknown.test").bytes, alert: 112)
    try passage.proxy.vitals.expectRest()
    var lines: [String] = []
    try eventually("the lost lines to be told") {
      lines = try pipe.lines()
      return lines.contains { $0.contains("lost") }
    }
    try passage.serve(1)
    passage.proxy.child.signal(SIGTERM)
    #expect(try passage.proxy.child.wait() == .exited(0))
    lines = try pipe.lines()
    let told = lines.filter { $0.contains("access: ") }.count
    let lost = total(lines, "access lines lost")
    #expect(told + lost == Self.clients + Self.refused + 1, "\(told) lines and \(lost) lost ones")
    #expect(lost > 0 && told > 0)
    #expect(lines.count { $0.contains("no such entry") } == Self.refused)
    #expect(total(lines, "lines lost") == 0)
    #expect(lines.last?.contains("stopped") == true)
  }

  @Test func `what a blocked log loses is counted at once`() throws {
    let pipe = try LogPipe()
    pipe.fill()
    let file = Scratch.current.file("status")
    let passage = try LoggedPassage(log: .descriptor(pipe.writer), options: ["--access-log", "--status", file])
    try passage.serve(Self.clients)
    try passage.refuse(200, Hello("unknown.test").bytes, alert: 112)
    try eventually("the lines to be counted") {
      let status = try StatusReading(file)
      return status["log.accessLost"] > 0 && status["log.leftOut"] > 0
    }
    #expect(try StatusReading(file)["log.written"] < Self.clients)
    try passage.proxy.stop()
  }

  @Test func `a blocked log does not keep it from ending`() throws {
    let pipe = try LogPipe()
    pipe.fill()
    let passage = try LoggedPassage(log: .descriptor(pipe.writer))
    try passage.serve(1)
    try passage.proxy.stop()
  }

  /// Its reader is gone.
  @Test func `a log whose reader is gone`() throws {
    let pipe = try LogPipe()
    let passage = try LoggedPassage(log: .descriptor(pipe.writer), options: ["--access-log"])
    try passage.serve(1)
    pipe.closeReader()
    try Self.expectService(passage)
  }

  @Test func `a closed log`() throws {
    try Self.expectService(try LoggedPassage(log: .closed, options: ["--access-log"]))
  }

  @Test func `a log on a full disk`() throws {
    try Self.expectService(try LoggedPassage(log: .file("/dev/full"), options: ["--access-log"]))
  }

  /// Which the kernel tells with a signal, too (setrlimit(2), RLIMIT_FSIZE).
  @Test(.requires("prlimit"), .notSanitized(by: .thread, "its library reads 512 KiB that it has put into a file"))
  func `a log file as large as files may be`() throws {
    let log = Scratch.current.file("log")
    let passage = try LoggedPassage(
      log: .file(log), options: ["--access-log"], launcher: ["prlimit", "--fsize=4096"])
    try Self.expectService(passage)
    #expect(try Data(contentsOf: URL(filePath: log)).count == 4096)
  }

  /// The disk has room again. It is in a mount namespace of the program's own, so that nothing is left behind.
  @Test(.requires("unshare", "mount", "sh"), .requiresRoot)
  func `a log on a disk that was full goes on`() throws {
    let disk = try Scratch.current.directory("disk")
    let script = "mount -t tmpfs -o size=64k tmpfs \"$0\" && exec \"$@\" 2>>\"$0/log\""
    let passage = try LoggedPassage(
      log: .file(Scratch.current.file("mount")), options: ["--access-log"],
      launcher: ["unshare", "--mount", "sh", "-c", script, disk])
    try passage.serve(Self.clients)
    try passage.proxy.vitals.expectRest()
    let log = "/proc/\(passage.proxy.child.pid)/root\(disk)/log"
    #expect(unsafe truncate(log, 0) == 0)
    try passage.serve(1)
    try eventually("the log to go on") {
      try String(contentsOfFile: log, encoding: .utf8).contains("access: ")
    }
    try eventually("the lost lines to be told") {
      try String(contentsOfFile: log, encoding: .utf8).contains("lines lost")
    }
    let lines = try Self.lines(log)
    try passage.proxy.stop()
    #expect(lines.allSatisfy { $0.ranges(of: "sniproxy: ").count <= 1 }, "a line that was cut goes on with another")
  }

  /// Bad clients cannot flood it.
  @Test func `bad clients cannot flood the log, and who is left out is told`() throws {
    let log = Scratch.current.file("log")
    let passage = try LoggedPassage(log: .file(log))
    let begin = Alarm(in: 0)
    try passage.refuse(Self.clients, Array("GET / HTTP/1.1\r\n".utf8), alert: 10)
    let elapsed = begin.elapsed
    try eventually("the lines left out to be told though nothing more happens") {
      total(try Self.lines(log), "lines about clients left out") > 0
    }
    try passage.proxy.stop()
    let lines = try Self.lines(log)
    let told = lines.filter { $0.contains("refused") }.count
    let leftOut = total(lines, "lines about clients left out")
    #expect(told + leftOut == Self.clients, "\(told) lines and \(leftOut) left out")
    #expect(told < 200 + Int(20 * elapsed))
    #expect(told > 0)
    #expect(lines.count < 2 * told + 10)
  }

  private static func lines(_ log: String) throws -> [String] {
    try String(contentsOfFile: log, encoding: .utf8).split(separator: "\n").map(String.init)
  }

  private static func expectService(_ passage: LoggedPassage) throws {
    try passage.serve(300)
    try passage.refuse(300, Hello("unknown.test").bytes, alert: 112)
    try passage.proxy.vitals.expectRest()
    try passage.proxy.stop()
  }

  private static let clients = 6000
  /// Fewer than the ration of lines about clients.
  private static let refused = 50
}
