import Kernel
import Wire

/// A client from accept until its backend is reached: its ClientHello, which is looked at and left in the kernel where
/// that works, and read into memory where it does not.
final class Greeting {
  let client: Endpoint
  /// The ClientHello and its name, once they are there.
  private(set) var hello: ClientHello?
  private(set) var name: HostName?
  /// The ClientHello's message as far as it has come.
  var message: [UInt8] { reader.message }
  /// What was read into memory, to be sent to the backend before all else.
  private(set) var received: [UInt8] = []
  /// When the client was accepted, its ClientHello was complete, and the backend's socket was first asked for a connection
  /// (nanoseconds of the monotonic clock).
  let accepted: Int64
  var completed: Int64 = 0
  var connectBegan: Int64 = 0
  /// When connecting is given up, and how often it was tried (nanoseconds of the monotonic clock).
  var connectDeadline: Int64 = 0
  var attempts = 0
  /// Of the client's socket, which it is to have no more once it is handed over.
  let options: InheritedOptions
  /// How often it was not handed over since the receiver was gone in the last moment, and why it is not handed over after all.
  var receiversGone = 0
  var handoffFailure: Refusal?

  private let kind: StreamKind
  private var reader = HelloReader()
  private var way: Way
  /// Bytes that `reader` has been given, and how many more it asked for.
  private var seen = 0
  private var wanted = 0
  private var mayHaveMore = false

  /// How the ClientHello is read.
  private enum Way {
    case firstLook
    /// Each look goes on where the last one ended (`SO_PEEK_OFF`).
    case lookOn
    /// Each look starts afresh, so there are a few only.
    case lookAgain(times: Int)
    case intoMemory
  }

  enum Progress {
    case incomplete
    case complete
    case refused(Refusal)
  }

  init(client: Endpoint, _ listener: ListeningSocket, now: Int64) {
    self.client = client
    accepted = now
    kind = listener.kind
    options = listener.options
    way = kind == .tcp ? .firstLook : .intoMemory
  }

  /// True while no byte of the client's has been read, and nothing speaks against it.
  var canBeHandedOver: Bool { kind == .tcp && received.isEmpty && handoffFailure == nil }

  /// Takes what has come, without blocking, until nothing is left or there is a verdict: a bounded number of bytes.
  ///
  /// - Throws: what the kernel says of a connection that is gone.
  func read(from socket: borrowing Socket, through buffer: borrowing Buffer, _ reading: Direction.Reading) throws(Errno)
    -> Progress
  {
    while true {
      mayHaveMore = reading != .untilShort || kind == .other
      let progress =
        if case .intoMemory = way {
          try take(from: socket, through: buffer)
        } else {
          try look(at: socket, through: buffer)
        }
      guard case .incomplete = progress, mayHaveMore else { return progress }
    }
  }

  private func look(at socket: borrowing Socket, through buffer: borrowing Buffer) throws(Errno) -> Progress {
    switch try socket.peek(into: buffer, 0..<Self.mostLeftInKernel) {
    case .endOfStream:
      return .refused(.hungUp)
    case .wouldBlock:
      mayHaveMore = false
      if case .firstLook = way { return .incomplete }
      return try takeInstead(from: socket, through: buffer)
    case .moved(let count):
      let before = seen
      if case .lookAgain = way {
        reader = HelloReader()
        seen = 0
      }
      let progress = buffer.withSpan(count) { reader.read($0) }
      seen += count
      guard case .needs(let atLeast) = progress else { return try conclude(progress, socket) }
      let cameShort = seen < before + wanted
      wanted = atLeast
      guard !cameShort, seen < Self.mostLeftInKernel, lookFurther(at: socket, from: seen + atLeast) else {
        return try takeInstead(from: socket, through: buffer)
      }
      return .incomplete
    }
  }

  /// Prepares the next look, when so many bytes are there; false when there must be none.
  private func lookFurther(at socket: borrowing Socket, from count: Int) -> Bool {
    switch way {
    case .firstLook:
      do throws(Errno) {
        try socket.setPeekOffset(seen)
        way = .lookOn
      } catch {
        way = .lookAgain(times: 1)
      }
    case .lookAgain(Self.mostLooks), .intoMemory: return false
    case .lookAgain(let times): way = .lookAgain(times: times + 1)
    case .lookOn: break
    }
    do throws(Errno) {
      try socket.setReadableFrom(count)
      return true
    } catch {
      return false
    }
  }

  /// The kernel's buffer is no place for what is still to come: there is much of it, or the kernel told of fewer bytes than
  /// were asked for, as it does when its buffer is full.
  private func takeInstead(from socket: borrowing Socket, through buffer: borrowing Buffer) throws(Errno) -> Progress {
    try lookNoMore(at: socket)
    way = .intoMemory
    return try take(from: socket, through: buffer)
  }

  private func take(from socket: borrowing Socket, through buffer: borrowing Buffer) throws(Errno) -> Progress {
    switch try socket.receive(into: buffer, 0..<Self.mostLeftInKernel, stopped: &mayHaveMore) {
    case .endOfStream: return .refused(.hungUp)
    case .wouldBlock:
      mayHaveMore = false
      return .incomplete
    case .moved(let count):
      if count == Self.mostLeftInKernel { mayHaveMore = true }
      received += buffer.bytes(0..<count)
      guard received.count > seen else { return .incomplete }
      let progress = reader.read(received.span.extracting(seen...))
      seen = received.count
      return try conclude(progress, socket)
    }
  }

  private func conclude(_ progress: HelloReader.Progress, _ socket: borrowing Socket) throws(Errno) -> Progress {
    if case .needs = progress { return .incomplete }
    try lookNoMore(at: socket)
    switch progress {
    case .needs: return .incomplete
    case .refused(let refusal): return .refused(refusal)
    case .complete(let hello):
      self.hello = hello
      guard let raw = hello.serverName else { return .refused(.noServerName) }
      do throws(HostName.Flaw) {
        name = try HostName(raw)
        return .complete
      } catch {
        return .refused(.illegalName(error))
      }
    }
  }

  /// Leaves the socket as `accept` gave it.
  private func lookNoMore(at socket: borrowing Socket) throws(Errno) {
    switch way {
    case .firstLook, .intoMemory: return
    case .lookOn: try socket.setPeekOffset(nil)
    case .lookAgain: break
    }
    try socket.setReadableFrom(1)
  }

  /// More than this is not left in the kernel, whose buffer would have to grow for it.
  private static let mostLeftInKernel = 32_768
  private static let mostLooks = 4
}
