import Glibc
import Kernel
import Relay
import Testing

/// One direction between real socket pairs.
@Suite final class DirectionTests {
  /// A socket to relay with, and the raw descriptor of its other end.
  private struct End: ~Copyable {
    let socket: Socket
    let peer: Int32

    init() {
      var ends: [Int32] = [-1, -1]
      let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
      precondition(unsafe socketpair(AF_UNIX, kind, 0, &ends) == 0)
      socket = Socket(owning: ends[0])
      peer = ends[1]
    }

    deinit { close(peer) }

    func write(_ bytes: [UInt8]) -> Int { unsafe send(peer, bytes, bytes.count, Int32(MSG_NOSIGNAL)) }

    func read() -> [UInt8] {
      var bytes = [UInt8](repeating: 0, count: 1 << 20)
      let count = unsafe recv(peer, &bytes, bytes.count, 0)
      return Array(bytes.prefix(max(0, count)))
    }
  }

  private var ferry = Ferry()

  @Test func movesWhatIsThereAndThenWaits() {
    let source = End()
    let sink = End()
    var direction = Direction(from: .unix, to: .unix)
    #expect(source.write([1, 2, 3]) == 3)
    guard case .waiting = direction.relay(from: source.socket, to: sink.socket, by: &ferry) else {
      Issue.record("not waiting")
      return
    }
    #expect(sink.read() == [1, 2, 3])
    let delivered = direction.delivered
    #expect(delivered == 3)
    let isHolding = direction.isHolding
    #expect(!isHolding)
  }

  @Test func whatItBeginsWithComesFirst() {
    let source = End()
    let sink = End()
    var direction = Direction(from: .unix, to: .unix)
    direction.begin(with: [9, 8])
    #expect(source.write([7]) == 1)
    _ = direction.relay(from: source.socket, to: sink.socket, by: &ferry)
    #expect(sink.read() == [9, 8, 7])
  }

  @Test func holdsWhatTheSinkDoesNotTakeAndLosesNothing() {
    let source = End()
    let sink = End()
    var direction = Direction(from: .unix, to: .unix)
    var sent: [UInt8] = []
    var received: [UInt8] = []
    var wasHolding = false
    for round in 0..<400 {
      let block = (0..<10_007).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ round) }
      let count = source.write(block)
      if count > 0 { sent += block.prefix(count) }
      _ = direction.relay(from: source.socket, to: sink.socket, by: &ferry)
      wasHolding = wasHolding || direction.isHolding
      if round % 60 == 59 { received += sink.read() }
    }
    while received.count < sent.count {
      _ = direction.relay(from: source.socket, to: sink.socket, by: &ferry)
      let bytes = sink.read()
      if bytes.isEmpty, !direction.isHolding { break }
      received += bytes
    }
    #expect(wasHolding)
    #expect(received == sent)
    let delivered = direction.delivered
    #expect(delivered == UInt64(sent.count))
  }

  @Test func tellsWhoEndedAndWhoFailed() {
    let source = End()
    let sink = End()
    var direction = Direction(from: .unix, to: .unix)
    shutdown(source.peer, Int32(SHUT_WR))
    guard case .sourceEnded = direction.relay(from: source.socket, to: sink.socket, by: &ferry) else {
      Issue.record("the end of stream was not seen")
      return
    }
    let other = End()
    #expect(other.write([1]) == 1)
    shutdown(sink.peer, Int32(SHUT_RD))
    guard case .sinkFailed(.brokenPipe) = direction.relay(from: other.socket, to: sink.socket, by: &ferry)
    else {
      Issue.record("the broken pipe was not seen")
      return
    }
  }
}
