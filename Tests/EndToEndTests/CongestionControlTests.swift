import Foundation
import Testing

/// Bulk towards TCP goes another way where the kernel paces the connection. A connection has the congestion control of the
/// listening socket.
@Suite(.scratch, .looksInside)
struct CongestionControlTests {
  @Test(.enabled(if: CongestionControl.reno.isAllowed, "the kernel does not let this user have it"))
  func `a download with reno`() throws { try Self.expectDownloads(.reno, pipes: 1) }

  @Test(.enabled(if: CongestionControl.cubic.isAllowed, "the kernel does not let this user have it"))
  func `a download with cubic`() throws { try Self.expectDownloads(.cubic, pipes: 1) }

  @Test(.enabled(if: CongestionControl.bbr.isAllowed, "the kernel does not let this user have it"))
  func `a download with bbr, which paces`() throws { try Self.expectDownloads(.bbr, pipes: 0) }

  private static func expectDownloads(_ control: CongestionControl, pipes: Int) throws {
    let hosts = try HostsDirectory()
    let backend = try hosts.addBackend("test.test")
    let listener = try Listener(.ip4(0))
    try #require(control.isGiven(to: listener.descriptor))
    let proxy = try Proxy(
      hosts, options: ["--workers", "1"], listen: [], descriptors: [0: .descriptor(listener.descriptor)])
    for (count, isSlow) in [(200_000_000, false), (30_000_000, true)] {
      let client = try Connection(to: listener.address, sending: Passage.hello)
      let served = try backend.accept()
      _ = try served.receive(Passage.hello.bytes.count)
      let before = try proxy.vitals.pipes
      let stream = SeededBytes(seed: count)
      try Scratch.inParallel(2) { end in
        if end == 0 {
          try served.send(stream, count: count, pieces: 1...SeededBytes.longestPiece, seed: 1)
          served.close()
        } else if isSlow {
          // It begins when nothing moves any more, and goes on little by little.
          try eventually("the backend to be held back") { try !served.hasRoom(within: 0.1) }
          try client.expect(stream, count: count, pieces: 1...30_000, seed: 2)
        } else {
          try client.expect(stream, count: count, pieces: 1...SeededBytes.longestPiece, seed: 2)
        }
      }
      if !isSlow { #expect(try proxy.vitals.pipes == before + pipes) }
      client.close()
    }
  }
}

/// How the kernel is to send what a listener's connections send.
enum CongestionControl: String {
  case reno, cubic, bbr

  var isAllowed: Bool {
    let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    defer { close(descriptor) }
    return isGiven(to: descriptor)
  }

  func isGiven(to descriptor: Int32) -> Bool {
    let length = socklen_t(rawValue.utf8.count)
    return unsafe setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_CONGESTION, rawValue, length) == 0
  }
}
