import CBench
import Glibc

/// How long anything may take that should happen at once.
let patience: Int32 = 10_000

/// Starts to connect to a port of 127.0.0.1 without waiting.
func startConnecting(to port: UInt16, from source: UInt32 = 0) throws(Failure) -> Int32 {
  let socket = try checked("socket", bench_socket(AF_INET))
  if bench_connect(socket, source, port) == -1, errno != EINPROGRESS {
    let failure = Failure.of("connect to port \(port)")
    close(socket)
    throw failure
  }
  var yes: Int32 = 1
  setsockopt(socket, Int32(IPPROTO_TCP), TCP_NODELAY, &yes, socklen_t(MemoryLayout<Int32>.size))
  return socket
}

/// What has happened to a socket that is not as expected.
func fault(of socket: Int32) -> String {
  var code: Int32 = 0
  var length = socklen_t(MemoryLayout<Int32>.size)
  getsockopt(socket, SOL_SOCKET, SO_ERROR, &code, &length)
  return code == 0 ? "the end of the stream" : String(cString: strerror(code))
}

/// Waits until the socket is ready.
func waitUntilReady(_ socket: Int32, _ event: Int32, for what: @autoclosure () -> String) throws(Failure) {
  var wanted = pollfd(fd: socket, events: Int16(event), revents: 0)
  while true {
    let count = poll(&wanted, 1, patience)
    if count > 0 { return }
    if count == 0 { throw Failure("\(what()): nothing happened for \(patience / 1000) seconds") }
    if errno != EINTR { throw .of("poll") }
    try checkInterruption()
  }
}

/// Sends all of a small message on a socket that has room for it.
@inline(__always)
func sendWhole(_ socket: Int32, _ bytes: UnsafeRawPointer, _ count: Int) throws(Failure) {
  let sent = send(socket, bytes, count, bench_MSG_NOSIGNAL)
  if sent == count { return }
  throw sent < 0 ? .of("send") : Failure("send: only \(sent) bytes of \(count) were taken")
}

/// What a receiving call brought.
enum Received {
  case bytes(Int)
  case end
  case nothing
}

@inline(__always)
func receive(_ socket: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int, _ flags: Int32 = 0) throws(Failure)
  -> Received
{
  let received = recv(socket, buffer, count, flags)
  if received > 0 { return .bytes(received) }
  if received == 0 { return .end }
  if errno == EAGAIN || errno == EINTR { return .nothing }
  throw .of("receive")
}

/// Receives a whole message, waiting for it.
func receiveWhole(_ socket: Int32, _ buffer: UnsafeMutableRawPointer, _ count: Int, _ what: String) throws(Failure) {
  var received = 0
  while received < count {
    switch try receive(socket, buffer + received, count - received) {
    case .bytes(let more): received += more
    case .end: throw Failure("\(what): closed after \(received) of \(count) bytes")
    case .nothing: try waitUntilReady(socket, POLLIN, for: what)
    }
  }
}
