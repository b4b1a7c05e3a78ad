// receiver CERTIFICATE KEY [USER]
//
// Answers TLS clients that sniproxy hands over. The listening socket is that of the service manager, or made at tls-handoff in
// the working directory. USER, the proxy's, may hand over beside root.

import COpenSSL
import Dispatch
import Glibc
import SNIHandoff

@main
enum Receiver {
  static func main() {
    let arguments = CommandLine.arguments.dropFirst()
    guard (2...3).contains(arguments.count), let tls = TLS(certificate: arguments[1], key: arguments[2]) else {
      print("usage: receiver CERTIFICATE KEY [USER]")
      exit(100)
    }
    // What is written to a client that is gone fails, and ends nothing else.
    signal(SIGPIPE, SIG_IGN)
    do {
      try receive(tls, from: arguments.count == 3 ? arguments[3] : nil)
    } catch {
      say("receiver: \(error)")
      exit(111)
    }
  }

  private static func receive(_ tls: TLS, from user: String?) throws(HandoffError) -> Never {
    var listener = try HandoffListener(passedOrIn: ".", from: user)
    while true {
      let client = try listener.next { say("not taken: \($0)") }
      let address = client.client
      say("\(address.host) port \(address.port) asks for \(client.serverName)")
      let descriptor = client.takeDescriptor()
      // A queue each, so that a client who says nothing holds up nobody.
      DispatchQueue(label: address.description).async {
        tls.answer(descriptor, "hello, \(address.host) port \(address.port)\n")
        close(descriptor)
      }
    }
  }

  private static func say(_ text: String) {
    print(text)
    fflush(nil)
  }
}

/// A server's certificate and key, for OpenSSL.
@safe final class TLS: @unchecked Sendable {
  private let context: OpaquePointer

  /// Nil if they cannot be used.
  init?(certificate: String, key: String) {
    guard let context = unsafe SSL_CTX_new(TLS_server_method()),
      unsafe SSL_CTX_use_certificate_chain_file(context, certificate) == 1,
      unsafe SSL_CTX_use_PrivateKey_file(context, key, SSL_FILETYPE_PEM) == 1
    else { return nil }
    unsafe self.context = context
  }

  /// Answers one request.
  func answer(_ descriptor: Int32, _ text: String) {
    var patience = timeval(tv_sec: 30, tv_usec: 0)
    for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
      _ = unsafe setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
    }
    guard let connection = unsafe SSL_new(context) else { return }
    defer { unsafe SSL_free(connection) }
    var request = [UInt8](repeating: 0, count: 4096)
    guard unsafe SSL_set_fd(connection, descriptor) == 1, unsafe SSL_accept(connection) == 1,
      unsafe SSL_read(connection, &request, Int32(request.count)) > 0
    else { return }
    let response = Array("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n\(text)".utf8)
    _ = unsafe SSL_write(connection, response, Int32(response.count))
    _ = unsafe SSL_shutdown(connection)
  }
}
