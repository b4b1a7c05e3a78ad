import Foundation
import Testing

extension Proxy {
  /// What curl gets for `https://NAME/` through the proxy; it must succeed.
  func curl(
    _ name: String, _ certificate: Certificate, _ options: String..., path: String = "/",
    sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let child = try Child("curl", Self.curlArguments(name, port: port, certificate, path: path) + options)
    let status = try child.wait()
    #expect(status == .exited(0), "\(child.error); the proxy's log: \(log)", sourceLocation: sourceLocation)
    return child.output
  }

  static func curlArguments(_ name: String, port: UInt16, _ certificate: Certificate, path: String = "/") -> [String] {
    [
      "--silent", "--show-error", "--max-time", "\(Int(patience))", "--cacert", certificate.certificate,
      "--resolve", "\(name):\(port):127.0.0.1", "https://\(name):\(port)\(path)",
    ]
  }

  /// What `openssl s_client` gets for a request of HTTP 1.0; it must succeed.
  func opensslClient(
    _ name: String, _ certificate: Certificate, _ options: String..., sourceLocation: SourceLocation = #_sourceLocation
  ) throws -> String {
    let request = Scratch.current.file("request")
    try "GET / HTTP/1.0\r\nHost: \(name)\r\n\r\n".write(toFile: request, atomically: false, encoding: .utf8)
    let arguments = [
      "s_client", "-quiet", "-connect", "127.0.0.1:\(port)", "-servername", name, "-verify_return_error",
      "-verify_hostname", name, "-CAfile", certificate.certificate,
    ]
    let child = try Child("openssl", arguments + options, descriptors: [0: .file(request)])
    let status = try child.wait()
    #expect(status == .exited(0), "\(child.error); the proxy's log: \(log)", sourceLocation: sourceLocation)
    return child.output
  }
}
