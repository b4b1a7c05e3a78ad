import Foundation

/// A self-signed certificate with its key, for servers or clients, which is its own authority.
struct Certificate {
  /// The certificate, the key, and the two in one file, in PEM.
  let certificate: String
  let key: String
  let both: String

  /// One that was made otherwise, in this directory.
  init(at directory: String) {
    certificate = "\(directory)/certificate.pem"
    key = "\(directory)/key.pem"
    both = "\(directory)/both.pem"
  }

  init(_ names: String...) throws {
    let directory = try Scratch.current.directory("certificate")
    certificate = "\(directory)/certificate.pem"
    key = "\(directory)/key.pem"
    both = "\(directory)/both.pem"
    let made = try run(
      "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
      "-subj", "/CN=\(names[0].prefix(63))", "-addext",
      "subjectAltName=\(names.map { "DNS:\($0)" }.joined(separator: ","))", "-keyout", key, "-out", certificate)
    guard made.status == .exited(0) else { throw Failure("openssl made no certificate: \(made.error)") }
    var pem = Data()
    for part in [certificate, key] { pem += try Data(contentsOf: URL(filePath: part)) }
    try pem.write(to: URL(filePath: both))
  }
}
