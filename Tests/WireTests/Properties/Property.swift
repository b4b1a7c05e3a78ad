/// What must hold of any bytes whatever. The fuzz targets (Fuzz/) look for bytes of which it does not hold, and
/// `ReplayTests` tries again what they have found.
package enum Property: String, CaseIterable, Sendable {
  /// Of what a client sends.
  case hello
  /// Of what a client says that the host's name is.
  case hostName = "host-name"
  /// Of the endpoints, the name and the protocols that the bytes choose.
  case proxyHeader = "proxy-header"
  /// Of a session in which happens what the bytes say.
  case life

  package func check(_ bytes: [UInt8]) throws(Violation) {
    switch self {
    case .hello: try checkHello(bytes)
    case .hostName: try checkHostName(bytes)
    case .proxyHeader: try checkProxyHeader(bytes)
    case .life: try checkLife(bytes)
    }
  }
}

/// A property that does not hold.
package struct Violation: Error, CustomStringConvertible {
  package let description: String

  package init(_ description: String) { self.description = description }
}

package func demand(_ holds: Bool, _ otherwise: @autoclosure () -> String) throws(Violation) {
  if !holds { throw Violation(otherwise()) }
}
