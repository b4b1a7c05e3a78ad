internal import CHandoff
internal import Glibc

/// A client that was handed over: its connection, with every byte that it has sent still unread in it, beginning with the
/// ClientHello.
///
/// The connection is closed at the end of the hand-off's life, unless ``takeDescriptor()`` has taken it.
public struct Handoff: ~Copyable, Sendable {
  /// The server name as the client sent it. It has the form of a hostname: letters, digits, `-`, `_` and dots.
  public let serverName: String

  /// The only protocol that the client offered by ALPN, such as the bytes of `h2`; nil if it offered none, or several.
  public let applicationProtocol: [UInt8]?

  /// The client's own address.
  public let client: InternetAddress

  /// The address that the client connected to.
  public let local: InternetAddress

  private let owned: OwnedDescriptor

  /// The connection: blocking, closed by execve(2). It stays the hand-off's own.
  public var descriptor: Int32 { owned.number }

  /// Gives the connection away. Who takes it closes it.
  public consuming func takeDescriptor() -> Int32 { owned.release() }

  init(_ message: [UInt8], _ owned: consuming OwnedDescriptor) throws(Refusal) {
    let header = try Header(message)
    var remote = handoff_address()
    var local = handoff_address()
    guard handoff_is_stream(owned.number) == 1,
      unsafe handoff_remote(owned.number, &remote) == 0, let client = InternetAddress(remote),
      unsafe handoff_local(owned.number, &local) == 0, let own = InternetAddress(local)
    else { throw .notAClient }
    serverName = header.serverName
    applicationProtocol = header.applicationProtocol
    self.client = client
    self.local = own
    self.owned = owned
  }
}

/// An open file with one owner, which closes it at the end of its life.
struct OwnedDescriptor: ~Copyable, Sendable {
  let number: Int32

  deinit { close(number) }

  consuming func release() -> Int32 {
    let number = number
    discard self
    return number
  }
}
