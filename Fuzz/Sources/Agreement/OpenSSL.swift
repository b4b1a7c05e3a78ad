import COpenSSL

/// What OpenSSL's server makes of the first bytes of a connection, as far as the name.
enum OpenSSL: Equatable {
  case waits
  /// Before it had taken the structure of the ClientHello, the list of extensions included.
  case refuses(String)
  /// After that: for the body of an extension, or for what it will not negotiate.
  case refusesLater(String, name: [UInt8]?)
  case takes(name: [UInt8]?)

  init(_ bytes: [UInt8]) {
    let opinion = unsafe openssl_opinion_of(bytes, bytes.count)
    var name: [UInt8]?
    if opinion.name_length >= 0 {
      name = unsafe withUnsafeBytes(of: opinion.name) { unsafe Array($0.prefix(Int(opinion.name_length))) }
    }
    let reason = unsafe withUnsafeBytes(of: opinion.reason) {
      unsafe String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self)
    }
    if opinion.wants_more != 0 {
      self = .waits
    } else if opinion.stage == openssl_name {
      self = .takes(name: name)
    } else if opinion.stage == openssl_hello {
      self = .refusesLater(reason, name: name)
    } else {
      self = .refuses(reason)
    }
  }
}
