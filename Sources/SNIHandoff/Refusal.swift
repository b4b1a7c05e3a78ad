extension Handoff {
  /// Why a message is not taken. Nothing of it is kept: its descriptors are closed.
  public enum Refusal: Error, Hashable, Sendable {
    /// The peer is neither root nor the user whose hand-offs are taken. Nothing of theirs was read.
    case stranger(user: UInt32)
    /// No descriptor came with it. Where this process has no room for one, see ``cut``.
    case noDescriptor
    case severalDescriptors(Int)
    /// More bytes than any header has, or descriptors for which this process has no room (`RLIMIT_NOFILE`).
    case cut
    /// The message does not begin with a PROXY header of version 2.
    case notAHeader
    /// The header is that of another kind of connection than a TCP client's.
    case notForAClient
    /// The header's lengths do not fit.
    case wrongLength
    case repeatedValue
    /// The header has no server name (`PP2_TYPE_AUTHORITY`), or none of the legal form.
    case noServerName
    /// The descriptor is something else than the connected stream socket of an Internet client, or the client has hung up.
    case notAClient
  }
}

extension Handoff.Refusal: CustomStringConvertible {
  public var description: String {
    switch self {
    case .stranger(let user): "the peer is user \(user), who may hand over nothing"
    case .noDescriptor: "no descriptor came with the message"
    case .severalDescriptors(let count): "\(count) descriptors came with the message"
    case .cut: "the message is too long, or there is no room for its descriptor: see the limit of open files"
    case .notAHeader: "the message is no PROXY header of version 2"
    case .notForAClient: "the PROXY header is not that of a TCP client"
    case .wrongLength: "the lengths in the PROXY header do not fit"
    case .repeatedValue: "the PROXY header has a value twice"
    case .noServerName: "the PROXY header has no server name of the legal form"
    case .notAClient: "the descriptor is no connected stream socket of an Internet client"
    }
  }
}
