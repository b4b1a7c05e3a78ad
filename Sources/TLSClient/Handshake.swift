import COpenSSL
import Inspection
import Kernel

/// A handshake with a backend, for the sake of its certificate.
@safe final class Handshake {
  private let socket: Socket
  private let connection: OpaquePointer
  /// `CLOCK_MONOTONIC`, in nanoseconds.
  let deadline: Int64

  var number: Int32 { socket.number }

  /// nil where there is no memory.
  init?(_ socket: consuming Socket, _ name: String, _ client: TLSClient, deadline: Int64) {
    guard let connection = unsafe openssl_begin(client.context, socket.number, name) else { return nil }
    unsafe self.connection = connection
    self.socket = socket
    self.deadline = deadline
  }

  deinit { unsafe SSL_free(connection) }

  /// What came of it; nil while it waits for the socket.
  func proceed() -> TLSClient.Outcome? {
    switch unsafe openssl_proceed(connection) {
    case 0: return nil
    case 1: return certificate.map { .certificate($0) } ?? .failed("the backend has no certificate")
    default:
      // Who shows the server no certificate has seen the server's all the same.
      if unsafe openssl_asks_for_certificate(connection) != 0, let certificate { return .certificate(certificate) }
      if unsafe openssl_is_flooded(connection) != 0 { return .failed("the backend sent too much for a handshake") }
      guard let reason = unsafe openssl_failure() else {
        return .failed("the backend ended the connection: does it speak TLS, and know whether a PROXY header comes?")
      }
      return .failed(unsafe String(cString: reason))
    }
  }

  private var certificate: Certificate? {
    guard let x509 = unsafe openssl_certificate(connection) else { return nil }
    defer { unsafe X509_free(x509) }
    let names = unsafe [UInt8](unsafeUninitializedCapacity: Self.mostNameBytes) { buffer, count in
      count = unsafe openssl_dns_names(x509, buffer.baseAddress!, Self.mostNameBytes)
    }
    let distrust = unsafe openssl_distrust(connection)
    return unsafe Certificate(
      names: Self.split(names), notBefore: openssl_not_before(x509), notAfter: openssl_not_after(x509),
      distrust: distrust.map { unsafe String(cString: $0) }, speaksHTTP2: openssl_speaks_http2(connection) == 1)
  }

  /// Each has its length before it.
  private static func split(_ list: [UInt8]) -> [[UInt8]] {
    var rest = list[...]
    var names: [[UInt8]] = []
    while let length = rest.popFirst() {
      names.append(Array(rest.prefix(Int(length))))
      rest = rest.dropFirst(Int(length))
    }
    return names
  }

  private static let mostNameBytes = 65_536
}
