package import Kernel

/// One direction of a relayed stream. It owns memory only while its destination is not ready.
///
/// Its sockets tell of changes only, so whoever relays must ask for what is left over: see `willBeTold`.
package struct Direction: ~Copyable {
  private let source: StreamKind
  private let sink: StreamKind
  /// Bytes that were read and not yet written, from `heldFrom` on.
  private var held: [UInt8] = []
  private var heldFrom = 0
  /// The next read's size: grows while the destination takes all, shrinks to what it took.
  private var appetite = smallestRead
  /// How bulk is moved; nil before there was any.
  private var bulkWay: Way?
  /// What the source has told since it was last drained.
  private var reading = Reading.untilShort
  /// True if the source tells when there is something to read: it had nothing left, or was asked again since.
  package private(set) var willBeTold = false
  /// Bytes written to the destination.
  package private(set) var delivered: UInt64 = 0

  package var isHolding: Bool { !held.isEmpty }

  private enum Way {
    /// Through the worker's memory.
    case copy
    /// Through the worker's pipe, within the kernel.
    case splice
  }

  package enum Outcome {
    /// The source is drained, the sink not ready, or others shall have their turn.
    case waiting
    case sourceEnded
    case sourceFailed(Errno)
    case sinkFailed(Errno)
  }

  /// How far the source is to be read.
  package enum Reading: Int, Sendable {
    /// A short read means that nothing is left, so there is no second read to learn it.
    case untilShort
    /// The source has ended. The last bytes and the end may go on together.
    case untilTheEnd
    /// The read may be short for another reason: urgent bytes, or a change that was told to somebody else.
    case untilNothingIsLeft

    /// How far a side that tells this is to be read.
    init(_ readiness: Poller.Readiness) {
      if readiness.hasFailed || readiness.isUrgent {
        self = .untilNothingIsLeft
      } else {
        self = readiness.hasEnded ? .untilTheEnd : .untilShort
      }
    }
  }

  package init(from source: StreamKind, to sink: StreamKind) {
    self.source = source
    self.sink = sink
  }

  /// Begins with bytes that were read before there was a destination.
  package mutating func begin(with bytes: [UInt8]) {
    held = bytes
    heldFrom = 0
  }

  /// Takes note of what the source told, for now or for when nothing is held any more.
  package mutating func sourceTold(_ news: Reading) {
    if news.rawValue > reading.rawValue { reading = news }
  }

  /// Moves what can be moved.
  package mutating func relay(
    from source: borrowing Socket, to sink: borrowing Socket, by ferry: inout Ferry
  ) -> Outcome {
    willBeTold = false
    do throws(Errno) {
      guard try deliverHeld(to: sink) else { return .waiting }
    } catch {
      return .sinkFailed(error)
    }
    let outcome =
      isBulk
      ? relayBulk(from: source, to: sink, by: &ferry) : copy(from: source, to: sink, through: ferry.buffer)
    if willBeTold { reading = .untilShort }
    return outcome
  }

  /// Reads and throws away what has nowhere to go.
  package mutating func discard(from source: borrowing Socket, through buffer: borrowing Buffer) -> Outcome {
    willBeTold = false
    var turn = 0
    while turn < Self.longestTurn {
      do throws(Errno) {
        switch try source.receive(into: buffer, 0..<buffer.capacity) {
        case .endOfStream: return .sourceEnded
        case .wouldBlock:
          willBeTold = true
          return .waiting
        case .moved(let count): turn += count
        }
      } catch {
        return .sourceFailed(error)
      }
    }
    return .waiting
  }

  /// The source was asked to tell of what is there now, too.
  package mutating func sourceWasAsked() { willBeTold = true }

  /// Forgets what the destination will never take.
  package mutating func drop() {
    // Nobody read while it was held.
    if isHolding { willBeTold = false }
    held = []
    heldFrom = 0
  }

  // MARK: - Bulk

  private var isBulk: Bool { appetite >= Self.bulk }

  private mutating func relayBulk(
    from source: borrowing Socket, to sink: borrowing Socket, by ferry: inout Ferry
  ) -> Outcome {
    let before = delivered
    if bulkWay == nil { prepareForBulk(sink) }
    var outcome: Outcome?
    if bulkWay == .splice, let pipe = ferry.takePipe() {
      outcome = splice(from: source, to: sink, through: pipe, &ferry)
    }
    let result = outcome ?? copy(from: source, to: sink, through: ferry.buffer)
    if willBeTold, delivered - before < Self.smallestRead { appetite = Self.smallestRead }
    return result
  }

  /// Splicing saves both copies. But a socket that the kernel paces with a timer, as BBR does, takes spliced bytes faster
  /// than their pace, and waiting for the timer costs more than the copies.
  private mutating func prepareForBulk(_ socket: borrowing Socket) {
    switch sink {
    case .unix:
      // By itself it takes 200 KB, which lets both sides wait for each other.
      socket.widenSendBuffer(Self.wideSendBuffer)
      bulkWay = Pipe.mayLeadToUnixSocket ? .splice : .copy
    case .tcp: bulkWay = socket.isPaced ? .copy : .splice
    case .other: bulkWay = .copy
    }
  }

  /// Splices until nothing is left. Nil when there is something that cannot be spliced.
  private mutating func splice(
    from source: borrowing Socket, to sink: borrowing Socket, through pipe: consuming Pipe, _ ferry: inout Ferry
  ) -> Outcome? {
    var outcome: Outcome?
    var turn = 0
    repeat {
      var count = 0
      do throws(Errno) {
        count = try pipe.fill(from: source, most: Self.largestRead)
      } catch {
        if error.isOfSplice { bulkWay = .copy } else { outcome = .sourceFailed(error) }
      }
      do throws(Errno) {
        if try !deliver(&pipe, to: sink, ferry.buffer) { outcome = .waiting }
      } catch {
        _ = try? pipe.drain(into: ferry.buffer)
        outcome = .sinkFailed(error)
      }
      turn += count
      if outcome == nil, count < Self.bulk {
        outcome = whatIsLeft(in: source, ferry.buffer)
        if count == 0 { break }
      }
      if turn >= Self.longestTurn { outcome = outcome ?? .waiting }
    } while outcome == nil
    if pipe.count == 0 { ferry.giveBack(pipe) }
    return outcome
  }

  /// Nil when there is something. A splice does not tell: of the end, of nothing and of urgent bytes it says the same.
  private mutating func whatIsLeft(in source: borrowing Socket, _ buffer: borrowing Buffer) -> Outcome? {
    do throws(Errno) {
      switch try source.peek(into: buffer, 0..<1) {
      case .moved: return nil
      case .endOfStream: return .sourceEnded
      case .wouldBlock:
        willBeTold = true
        return .waiting
      }
    } catch {
      return .sourceFailed(error)
    }
  }

  /// False if the destination did not take all of it. What it did not take is held in memory: the pipe is the worker's.
  private mutating func deliver(
    _ pipe: inout Pipe, to sink: borrowing Socket, _ buffer: borrowing Buffer
  ) throws(Errno) -> Bool {
    var mayTakeMore = false
    do throws(Errno) {
      while pipe.count > 0, case .moved(let moved) = try pipe.drain(to: sink) { delivered += UInt64(moved) }
    } catch {
      guard error.isOfSplice else { throw error }
      bulkWay = .copy
      mayTakeMore = true
    }
    guard pipe.count > 0 else { return true }
    held = try pipe.drain(into: buffer)
    heldFrom = 0
    // A sink that did not say that it is full does not tell when it no longer is.
    return mayTakeMore ? try deliverHeld(to: sink) : false
  }

  // MARK: - Through memory

  private mutating func copy(
    from source: borrowing Socket, to sink: borrowing Socket, through buffer: borrowing Buffer
  ) -> Outcome {
    var turn = 0
    while turn < Self.longestTurn {
      let wanted = appetite
      let count: Int
      do throws(Errno) {
        switch try receive(from: source, wanted, buffer) {
        case .endOfStream: return .sourceEnded
        case .wouldBlock:
          willBeTold = true
          return .waiting
        case .moved(let moved): count = moved
        }
      } catch {
        return .sourceFailed(error)
      }
      do throws(Errno) {
        guard try deliver(count, of: wanted, from: buffer, to: sink, more: reading == .untilTheEnd) else {
          return .waiting
        }
      } catch {
        return .sinkFailed(error)
      }
      if count < wanted, reading == .untilShort, self.source != .other {
        willBeTold = true
        return .waiting
      }
      turn += count
    }
    return .waiting
  }

  private mutating func receive(
    from socket: borrowing Socket, _ wanted: Int, _ buffer: borrowing Buffer
  ) throws(Errno) -> Socket.Transfer {
    guard source == .unix else { return try socket.receive(into: buffer, 0..<wanted) }
    var stopped = false
    defer { if stopped { sourceTold(.untilNothingIsLeft) } }
    return try socket.receive(into: buffer, 0..<wanted, stopped: &stopped)
  }

  /// False if the destination did not take all of it.
  private mutating func deliver(
    _ count: Int, of wanted: Int, from buffer: borrowing Buffer, to sink: borrowing Socket, more: Bool
  ) throws(Errno) -> Bool {
    var sent = 0
    if case .moved(let moved) = try sink.send(buffer, 0..<count, more: more) { sent = moved }
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
  /// A turn that moves so much is bulk.
  private static let bulk = 64 << 10
  /// Bytes after which other sessions shall have their turn.
  private static let longestTurn = 1 << 20
  /// The kernel counts twice as many (socket(7)).
  private static let wideSendBuffer = 512 << 10
}

extension Errno {
  /// True if `splice` cannot be had, now or ever, and the socket is as well as before.
  fileprivate var isOfSplice: Bool {
    switch self {
    case .invalidArgument, .noMemory, .noSuchSystemCall, .notPermitted: true
    default: false
    }
  }
}
