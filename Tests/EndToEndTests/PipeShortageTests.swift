import Foundation
import Testing

/// Bulk goes through a pipe. Where sniproxy gets none, it arrives all the same.
@Suite(.scratch, .looksInside)
struct PipeShortageTests {
  /// The kernel counts the memory of a user's pipes, whoever of the user's processes has them. Pages left are too few for a
  /// pipe, or enough for the smallest that is worth it.
  @Test(
    .requiresRoot, .requires("setpriv", "perl"), .enabled(if: Hoard.allowance > 0, "a user's pipes have no limit"),
    arguments: [0: 0, 48: 1])
  func `a user without memory for pipes`(pagesLeft: Int, pipes: Int) throws {
    let user = UInt32.random(in: 1 << 20..<1 << 30)
    let hoard = try Hoard(of: user, leaving: pagesLeft)
    let passage = try Passage(options: ["--workers", "1"], user: user)
    let (client, backend) = try passage.connect()
    // It may have inherited some.
    let before = try passage.proxy.vitals.pipes
    try Self.expectBulk(between: client, and: backend)
    #expect(try passage.proxy.vitals.pipes == before + pipes)
    hoard.release()
    try Self.expectPipe(passage.proxy, client, backend, before: before)
  }

  @Test(.requires("prlimit"))
  func `no descriptor for a pipe`() throws {
    let passage = try Passage(options: ["--workers", "1"])
    let (client, backend) = try passage.connect()
    let used = try passage.proxy.vitals.descriptors
    let free = try #require((0...).first { !used.contains($0) })
    try Self.limitDescriptors(of: passage.proxy, to: free)
    try Self.expectBulk(between: client, and: backend)
    #expect(try passage.proxy.vitals.descriptors == used)
    try Self.limitDescriptors(of: passage.proxy, to: 1000)
    try Self.expectPipe(passage.proxy, client, backend, before: try passage.proxy.vitals.pipes)
  }

  /// Both ways at once.
  private static func expectBulk(between client: Connection, and backend: Connection, count: Int = 30_000_000) throws {
    try Scratch.inParallel(4) { part in
      let stream = SeededBytes(seed: part % 2)
      switch part {
      case 0: try client.send(stream, count: count, pieces: 1...SeededBytes.longestPiece, seed: 1)
      case 1: try backend.send(stream, count: count, pieces: 1...SeededBytes.longestPiece, seed: 2)
      default:
        let sink = part == 2 ? backend : client
        var received = 0
        while received < count {
          let bytes = try sink.receive(min(count - received, SeededBytes.longestPiece))
          guard stream.contains(bytes, at: received) else { throw Failure("wrong bytes from \(received) on") }
          received += bytes.count
        }
      }
    }
  }

  /// It asks for a pipe again, if not at once.
  private static func expectPipe(_ proxy: Proxy, _ client: Connection, _ backend: Connection, before: Int) throws {
    try eventually("sniproxy to have a pipe") {
      try expectBulk(between: client, and: backend, count: 1_000_000)
      return try proxy.vitals.pipes == before + 1
    }
  }

  private static func limitDescriptors(of proxy: Proxy, to count: Int) throws {
    let done = try run("prlimit", "--pid", "\(proxy.child.pid)", "--nofile=\(count):")
    guard done.status == .exited(0) else { throw Failure("prlimit: \(done.error)") }
  }
}

/// A process of the user whose pipes take all that the user may have but so many pages (`pipe-user-pages-soft`, pipe(7)).
private final class Hoard {
  static let allowance: Int = {
    let text = try? String(contentsOfFile: "/proc/sys/fs/pipe-user-pages-soft", encoding: .utf8)
    return Int(text?.trimmingCharacters(in: .newlines) ?? "") ?? 0
  }()

  private let child: Child

  init(of user: UInt32, leaving pages: Int) throws {
    let child = try Child(
      "setpriv",
      [
        "--reuid", "\(user)", "--regid", "\(user)", "--clear-groups", "perl", "-e", Self.script,
        "\(Self.allowance - pages)", "\(getpagesize())",
      ])
    self.child = child
    try eventually("the pipes to be made: \(child.error)") {
      guard child.isRunning else { throw Failure("perl ended: \(child.error)") }
      return child.output == "full\n"
    }
  }

  func release() { child.end() }

  /// 1031 is F_SETPIPE_SZ.
  private static let script = #"""
    $| = 1;
    my ($rest, $page) = @ARGV;
    my @pipes;
    for my $size (128, 16) {
      while ($rest >= $size) {
        pipe(my $reading, my $writing) or die "pipe: $!\n";
        $rest -= (fcntl($writing, 1031, $size * $page) or die "fcntl: $!\n") / $page;
        push @pipes, $reading, $writing;
      }
    }
    print "full\n";
    sleep;
    """#
}
