package import Kernel

/// One direction of a relayed stream. It owns memory only while its destination is not ready.
package struct Direction: ~Copyable {
  /// Bytes that were read and not yet written, from `heldFrom` on.
  private var held: [UInt8] = []
  private var heldFrom = 0
  /// The next read's size: grows while the destination takes all, shrinks to what it took.
  private var appetite = smallestRead
  /// Bytes written to the destination.
  package private(set) var delivered: UInt64 = 0

  package var isHolding: Bool { !held.isEmpty }

  package enum Outcome {
    /// One side is not ready, or others shall have their turn.
    case waiting
    case sourceEnded
    case sourceFailed(Errno)
    case sinkFailed(Errno)
  }

  package init() {}

  /// Begins with bytes that were read before there was a destination.
  package mutating func begin(with bytes: [UInt8]) {
    held = bytes
    heldFrom = 0
  }

  /// Moves what can be moved. A short read means that nothing is left for now, so there is no second read to learn it.
  package mutating func relay(
    from source: borrowing Socket, to sink: borrowing Socket, through buffer: borrowing Buffer
  ) -> Outcome {
    var turn = 0
    do throws(Errno) {
      guard try deliverHeld(to: sink) else { return .waiting }
    } catch {
      return .sinkFailed(error)
    }
    while turn < Self.longestTurn {
      let wanted = appetite
      let count: Int
      do throws(Errno) {
        switch try source.receive(into: buffer, 0..<wanted) {
        case .endOfStream: return .sourceEnded
        case .wouldBlock: return .waiting
        case .moved(let moved): count = moved
        }
      } catch {
        return .sourceFailed(error)
      }
      do throws(Errno) {
        guard try deliver(count, of: wanted, from: buffer, to: sink) else { return .waiting }
      } catch {
        return .sinkFailed(error)
      }
      if count < wanted { return .waiting }
      turn += count
    }
    return .waiting
  }

  /// Reads and throws away what has nowhere to go.
  package func discard(from source: borrowing Socket, through buffer: borrowing Buffer) -> Outcome {
    var turn = 0
    while turn < Self.longestTurn {
      do throws(Errno) {
        switch try source.receive(into: buffer, 0..<buffer.capacity) {
        case .endOfStream: return .sourceEnded
        case .wouldBlock: return .waiting
        case .moved(let count):
          if count < buffer.capacity { return .waiting }
          turn += count
        }
      } catch {
        return .sourceFailed(error)
      }
    }
    return .waiting
  }

  /// Forgets what the destination will never take.
  package mutating func drop() {
    held = []
    heldFrom = 0
  }

  /// False if the destination did not take all of it.
  private mutating func deliver(
    _ count: Int, of wanted: Int, from buffer: borrowing Buffer, to sink: borrowing Socket
  ) throws(Errno) -> Bool {
    var sent = 0
    if case .moved(let moved) = try sink.send(buffer, 0..<count) { sent = moved }
    delivered += UInt64(sent)
    if sent == count {
      if count == wanted { appetite = min(appetite * 2, Self.largestRead) }
      return true
    }
    held = buffer.bytes(sent..<count)
    heldFrom = 0
    appetite = min(max(sent, Self.smallestRead), Self.largestRead)
    return false
  }

  /// False if the destination did not take all of it.
  private mutating func deliverHeld(to sink: borrowing Socket) throws(Errno) -> Bool {
    guard isHolding else { return true }
    guard case .moved(let moved) = try sink.send(held, from: heldFrom) else { return false }
    delivered += UInt64(moved)
    heldFrom += moved
    guard heldFrom == held.count else { return false }
    drop()
    return true
  }

  /// The memory that a worker's sessions read through, and so the most that one direction of a session can hold.
  package static let largestRead = 256 << 10
  private static let smallestRead = 16 << 10
  /// Bytes after which other sessions shall have their turn.
  private static let longestTurn = 1 << 20
}
