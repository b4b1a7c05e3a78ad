import Foundation

/// A running `sniproxy-status --serve`.
final class Exporter {
  let child: Child
  let address: Address

  /// - Parameter launcher: a command that becomes the program whose path and arguments follow
  init(_ file: String, _ listen: String = "127.0.0.1:0", launcher: [String] = []) throws {
    let command = launcher + [try Program.path("sniproxy-status"), file, "--serve", listen]
    let child = try Child(command[0], Array(command.dropFirst()))
    self.child = child
    var found: Address?
    try eventually("sniproxy-status to serve; it says: \(child.error)") {
      guard child.isRunning else { throw Failure("it ended: \(child.error)") }
      found = Self.address(in: child.error)
      return found != nil
    }
    address = found!
  }

  /// What curl gets for this path, with the status and the headers; it must come through.
  func get(_ path: String, _ options: String...) throws -> String {
    try Self.get(address, path, options)
  }

  static func get(_ address: Address, _ path: String, _ options: [String] = []) throws -> String {
    let place: [String] =
      switch address {
      case .unix(let socket): ["--unix-socket", socket, "http://localhost\(path)"]
      case .ip4, .ip6: ["http://\(address)\(path)"]
      }
    let common = ["--silent", "--show-error", "--include", "--max-time", "\(Int(patience))"]
    let child = try Child("curl", common + options + place)
    guard try child.wait() == .exited(0) else { throw Failure("curl: \(child.error)") }
    return child.output
  }

  private static func address(in log: String) -> Address? {
    guard let end = log.range(of: " at ", options: .backwards)?.upperBound, log.hasSuffix("\n") else { return nil }
    let text = log[end...].dropLast()
    if text.hasPrefix("unix:") { return .unix(String(text.dropFirst(5))) }
    guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[colon...].dropFirst()) else { return nil }
    return text.hasPrefix("[") ? .ip6(port) : .ip4(port)
  }
}
