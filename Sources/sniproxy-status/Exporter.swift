import NIOCore
import NIOHTTP1
import NIOPosix

/// Answers HTTP/1.1 on listening sockets, in one thread. What is asked is for `answer` to know.
final class Exporter: Sendable {
  /// Takes over the descriptors, which listen already.
  ///
  /// - Parameters:
  ///   - room: how many clients are served at once
  ///   - answer: is called in the exporter's thread, once for each request
  init(_ descriptors: [Int32], room: Int, _ answer: @escaping @Sendable (Question) -> Answer) throws {
    threads = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let loop = threads.next()
    let guests = try loop.submit { NIOLoopBound(Guests(room: room), eventLoop: loop) }.wait()
    let bootstrap = ServerBootstrap(group: threads)
      // So that who has to go has gone before the next one comes: there are descriptors for so many.
      .serverChannelOption(.maxMessagesPerRead, value: 1)
      .serverChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture { try channel.pipeline.syncOperations.addHandler(Porter(guests.value)) }
      }
      .childChannelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.longestRead))
      .childChannelOption(.socketOption(.so_sndbuf), value: Self.kernelBuffer)
      .childChannelOption(.socketOption(.so_rcvbuf), value: Self.kernelBuffer)
    let server = bootstrap.childChannelInitializer { channel in
      channel.eventLoop.makeCompletedFuture {
        let guest = Guest(channel)
        guests.value.enter(guest)
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(Patience(guest))
        try pipeline.configureHTTPServerPipeline(
          withEncoderConfiguration: .init(), withDecoderLimitConfiguration: Self.limits)
        try pipeline.addHandler(Waiter(guest, guests.value, answer))
      }
    }
    for descriptor in descriptors { _ = try server.withBoundSocket(descriptor).wait() }
  }

  /// Ends every connection and closes the listening sockets.
  func stop() { try? threads.syncShutdownGracefully() }

  private let threads: MultiThreadedEventLoopGroup

  /// Bounds the requests that wait for their turn: a client that does not take its answer is not read from.
  private static let longestRead = 4096

  /// What the kernel keeps for a client counts as the program's memory too (`MemoryMax=`).
  private static let kernelBuffer = ChannelOptions.Types.SocketOption.Value(65_536)

  /// Far above what Prometheus, browsers and curl send.
  private static let limits = {
    var limits = NIOHTTPDecoderLimitConfiguration()
    limits.maxHeaderFieldSize = 8 << 10
    limits.maxHeaderListSize = 16 << 10
    limits.maxHeaderFieldCount = 64
    return limits
  }()
}

/// Lets no one in for a moment after an error of `accept`: the client that could not be accepted is still there, and would be
/// tried again and again.
private final class Porter: ChannelInboundHandler {
  typealias InboundIn = any Channel

  private let guests: Guests
  private var nextWord = NIODeadline.now()

  init(_ guests: Guests) { self.guests = guests }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    let now = NIODeadline.now()
    if now >= nextWord {
      complain("accepting paused for a moment: \(error)")
      nextWord = now + Self.silence
    }
    guests.makeRoom()
    let channel = context.channel
    channel.setOption(.autoRead, value: false).whenSuccess {
      channel.eventLoop.scheduleTask(in: Self.pause) { _ = channel.setOption(.autoRead, value: true) }
    }
  }

  private static let pause = TimeAmount.milliseconds(500)
  private static let silence = TimeAmount.seconds(60)
}

/// The connections that are open, so that there are never too many. In the exporter's thread.
private final class Guests {
  private let room: Int
  private var present: [ObjectIdentifier: Guest] = [:]
  private var turns = 0

  init(room: Int) { self.room = room }

  /// Where there is no room, another has to go.
  func enter(_ guest: Guest) {
    if present.count >= room { makeRoom() }
    present[ObjectIdentifier(guest)] = guest
    guest.onTurn = { [unowned self, unowned guest] in
      turns += 1
      guest.turn = turns
    }
    guest.onTurn()
    let leaving = NIOLoopBound((self, guest), eventLoop: guest.channel.eventLoop)
    guest.channel.closeFuture.whenComplete { _ in
      let (guests, guest) = leaving.value
      guests.present[ObjectIdentifier(guest)] = nil
    }
  }

  /// Who has waited longest for anything to happen goes.
  func makeRoom() {
    if let idlest = present.values.min(by: { $0.turn < $1.turn }) { leave(idlest) }
  }

  /// An answer waits for this guest to take it. Where the answers that wait are too large together, who has one for longest
  /// has to go.
  func serve(_ guest: Guest, bytes: Int) {
    guest.waiting = bytes
    while present.values.reduce(0, { $0 + $1.waiting }) > Self.mostWaiting,
      let slowest = present.values.filter({ $0.waiting > 0 && $0 !== guest }).min(by: { $0.turn < $1.turn })
    {
      leave(slowest)
    }
  }

  private func leave(_ guest: Guest) {
    present[ObjectIdentifier(guest)] = nil
    guest.channel.close(promise: nil)
  }

  /// A quarter of what the shipped unit may take.
  private static let mostWaiting = 16 << 20
}

/// A connection, and how long it may be kept. In the exporter's thread.
private final class Guest {
  let channel: any Channel
  /// When it last did something, on a clock that counts what guests do.
  var turn = 0
  var onTurn: () -> Void = {}
  /// Bytes of the answer that it has not taken yet.
  var waiting = 0

  private var alarm: Scheduled<Void>?
  private var isAsking = false

  init(_ channel: any Channel) {
    self.channel = channel
    wait(Self.question)
  }

  /// Bytes came. From the first of a request on there is one deadline for it, and for taking the answer.
  func hear() {
    guard !isAsking else { return }
    isAsking = true
    onTurn()
    wait(Self.question)
  }

  /// It has its answer.
  func rest() {
    isAsking = false
    waiting = 0
    onTurn()
    wait(Self.rest)
  }

  func cancel() { alarm?.cancel() }

  private func wait(_ time: TimeAmount) {
    alarm?.cancel()
    alarm = channel.eventLoop.scheduleTask(in: time) { [channel] in channel.close(promise: nil) }
  }

  private static let question = TimeAmount.seconds(10)
  /// More than the time between two scrapes is mostly.
  private static let rest = TimeAmount.seconds(130)
}

/// Notes that a guest speaks, before the bytes are looked at.
private final class Patience: ChannelInboundHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer

  private let guest: Guest

  init(_ guest: Guest) { self.guest = guest }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    guest.hear()
    context.fireChannelRead(data)
  }

  func channelInactive(context: ChannelHandlerContext) {
    guest.cancel()
    context.fireChannelInactive()
  }
}

/// Takes each request, and brings the answer.
private final class Waiter: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let guest: Guest
  private let guests: Guests
  private let answer: @Sendable (Question) -> Answer
  private var head: HTTPRequestHead?
  /// From the beginning of an answer to its end.
  private var isAnswering = false
  private var bodyLength = 0

  init(_ guest: Guest, _ guests: Guests, _ answer: @escaping @Sendable (Question) -> Answer) {
    self.guest = guest
    self.guests = guests
    self.answer = answer
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch unwrapInboundIn(data) {
    case .head(let head):
      // It may have come together with an earlier one.
      guest.hear()
      self.head = head
      bodyLength = 0
    case .body(let bytes):
      bodyLength += bytes.readableBytes
      if bodyLength > Self.longestBody { respond(context, .text(.payloadTooLarge, "no body is wanted here\n"), .close) }
    case .end:
      // Where a connection is closed, the pipeline lets go of the requests that it held back: nobody waits for those.
      guard let head, !isAnswering else { return }
      respond(context, answer(Question(head)), head.isKeepAlive ? .keep : .close)
    }
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

  private enum Afterwards { case keep, close }

  private func respond(_ context: ChannelHandlerContext, _ answer: Answer, _ afterwards: Afterwards) {
    guard let head else { return }
    self.head = nil
    isAnswering = true
    var headers = HTTPHeaders(answer.headers)
    headers.add(name: "Date", value: httpDate())
    headers.add(name: "Content-Length", value: "\(answer.body.utf8.count)")
    if afterwards == .close {
      headers.add(name: "Connection", value: "close")
    } else if head.version == .http1_0 {
      headers.add(name: "Connection", value: "keep-alive")
    }
    let first = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
    let body = head.method == .HEAD ? ByteBuffer() : ByteBuffer(string: answer.body)
    guests.serve(guest, bytes: body.storageCapacity)
    context.write(wrapOutboundOut(.head(first)), promise: nil)
    let here = NIOLoopBound((self, context), eventLoop: context.eventLoop)
    context.writeAndFlush(wrapOutboundOut(.body(.byteBuffer(body)))).whenSuccess {
      let (waiter, context) = here.value
      waiter.finish(context, afterwards)
    }
  }

  /// The client took the answer. Its end, which has no bytes, lets the pipeline bring the next request: not before, so that
  /// there is never more than one answer in memory.
  private func finish(_ context: ChannelHandlerContext, _ afterwards: Afterwards) {
    guest.rest()
    isAnswering = false
    let end = context.writeAndFlush(wrapOutboundOut(.end(nil)))
    guard afterwards == .close else { return }
    let here = NIOLoopBound(context, eventLoop: context.eventLoop)
    end.whenComplete { _ in here.value.close(promise: nil) }
  }

  private static let longestBody = 64 << 10
}
