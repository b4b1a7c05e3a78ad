import Kernel
import Synchronization
package import Wire

/// How many connections each client, or each host, may have at once, over all workers.
package final class Quota<Key: Hashable & Sendable>: Sendable {
  private let most: Int
  private let counts = Mutex<[Key: Int]>([:])

  package init(most: Int) { self.most = most }

  /// One of the places of `key`, free again when this ends.
  package final class Place: Sendable {
    private let quota: Quota
    private let key: Key

    fileprivate init(_ quota: Quota, _ key: Key) {
      self.quota = quota
      self.key = key
    }

    deinit { quota.leave(key) }
  }

  /// A place; nil when all are taken.
  package func take(_ key: Key) -> Place? {
    let isTaken = counts.withLock { counts in
      let count = counts[key, default: 0]
      guard count < most else { return false }
      counts[key] = count + 1
      return true
    }
    return isTaken ? Place(self, key) : nil
  }

  package func isFull(_ key: Key) -> Bool { counts.withLock { $0[key, default: 0] >= most } }

  private func leave(_ key: Key) {
    counts.withLock { counts in
      let count = counts[key, default: 0]
      counts[key] = count > 1 ? count - 1 : nil
    }
  }
}

/// What counts as one client: an IPv4 address, or the 64 bits of an IPv6 address before its interface identifier
/// (RFC 4291, section 2.5.1), which a client can choose.
package enum ClientNetwork: Hashable, Sendable {
  case v4(UInt32)
  case v6(UInt64)

  /// nil for a client without an Internet address.
  package init?(_ endpoint: Endpoint) {
    guard case .internet(let address, _) = endpoint else { return nil }
    switch address.unmapped {
    case .v4(let bytes): self = .v4(bytes.indices.reduce(0) { $0 << 8 | UInt32(bytes[$1]) })
    case .v6(let bytes): self = .v6((0..<8).reduce(0) { $0 << 8 | UInt64(bytes[$1]) })
    }
  }
}
