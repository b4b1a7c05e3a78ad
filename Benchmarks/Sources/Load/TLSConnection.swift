import CBench
import COpenSSL
import Glibc

/// Where TLS clients go: to a port of 127.0.0.1, for a name.
public final class TLSRoute {
  public let port: UInt16
  public let name: String
  fileprivate let context: OpaquePointer

  public init(port: UInt16, name: String) throws(Failure) {
    guard let context = openssl_client() else { throw Failure("OpenSSL: no memory") }
    (self.port, self.name, self.context) = (port, name, context)
  }

  deinit {
    SSL_CTX_free(context)
  }

  func request(for path: String, isLast: Bool = false) -> [UInt8] {
    Array("GET \(path) HTTP/1.1\r\nHost: \(name)\r\n\(isLast ? "Connection: close\r\n" : "")\r\n".utf8)
  }
}

/// A client's connection. TLS itself sees that no byte of it was changed.
final class TLSConnection {
  let socket: Int32
  private let session: OpaquePointer

  /// - Parameter number: spreads clients over some sources, so that there are always ports enough.
  init(number: Int, over route: TLSRoute) throws(Failure) {
    socket = try startConnecting(to: route.port, from: 0x7F00_0002 + UInt32(number & 7))
    guard let session = openssl_begin(route.context, socket, route.name) else {
      close(socket)
      throw Failure("OpenSSL: no memory")
    }
    self.session = session
  }

  deinit {
    SSL_free(session)
    close(socket)
  }

  /// Goes on with the handshake. Nil when it is done, else what the socket must be ready for.
  func shakeHands() throws(Failure) -> Poller.Interest? {
    ERR_clear_error()
    switch openssl_outcome(session, SSL_do_handshake(session)) {
    case openssl_done: return nil
    case openssl_needs_bytes: return .reading
    case openssl_needs_room: return .writing
    default: throw failure("handshake")
    }
  }

  /// For what is small.
  func send(_ bytes: [UInt8]) throws(Failure) {
    ERR_clear_error()
    let sent = SSL_write(session, bytes, Int32(bytes.count))
    guard sent == bytes.count else { throw failure("send") }
  }

  /// At most one record's bytes. With room for a whole record nothing is left over that only OpenSSL knows of.
  @inline(__always)
  func receive(into buffer: UnsafeMutableRawPointer) throws(Failure) -> Received {
    ERR_clear_error()
    let received = SSL_read(session, buffer, Int32(Self.mostAtOnce))
    switch openssl_outcome(session, received) {
    case openssl_done: return .bytes(Int(received))
    case openssl_needs_bytes: return .nothing
    case openssl_end: return .end
    default: throw failure("receive")
    }
  }

  static let mostAtOnce = 16_384

  private func failure(_ call: String) -> Failure {
    guard let reason = openssl_failure() else { return .of("TLS, \(call)") }
    return Failure("TLS, \(call): \(String(cString: reason))")
  }
}

/// Counts the bytes of one answer after the other to the same request: all are as long as the first, whose head tells
/// how long that is.
struct Answers {
  private(set) var count = 0
  private(set) var length: Int?
  private var received = 0

  /// Takes what has come. Whether that ends an answer.
  @inline(__always)
  mutating func take(_ bytes: UnsafeRawPointer, _ more: Int) throws(Failure) -> Bool {
    if received == 0 { try begin(UnsafeRawBufferPointer(start: bytes, count: more)) }
    received += more
    guard received >= length! else { return false }
    guard received == length else { throw Failure("the server sent \(received - length!) bytes too many") }
    received = 0
    count += 1
    return true
  }

  var isBetween: Bool { received == 0 }

  /// The server sends a head in one record.
  private mutating func begin(_ bytes: UnsafeRawBufferPointer) throws(Failure) {
    guard bytes.starts(with: "HTTP/1.1 200 ".utf8) else {
      throw Failure("the server answers: \(String(decoding: bytes.prefix { $0 >= 32 }, as: UTF8.self))")
    }
    if length != nil { return }
    let text = String(decoding: bytes.prefix(2048), as: UTF8.self)
    guard let end = text.firstRange(of: "\r\n\r\n"), let match = text.firstMatch(of: /Content-Length: ([0-9]+)/),
      let body = Int(match.output.1)
    else { throw Failure("the server does not say how long its answer is") }
    length = text[..<end.upperBound].utf8.count + body
  }
}
