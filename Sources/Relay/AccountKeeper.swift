import Wire

/// Keeps the account of one connection while it is open.
final class AccountKeeper {
  private var account: Account
  private let accepted: Int64
  private var header: UInt64 = 0
  private var isEnded = false

  init(_ account: Account, accepted: Int64) {
    self.account = account
    self.accepted = accepted
  }

  func helloComplete(_ hello: ClientHello, _ now: Int64) {
    account.serverName = hello.serverName.map { Array($0) }
    account.helloTime = now - accepted
  }

  /// - Parameter header: bytes that the backend gets from us and not from the client.
  func connected(header: Int, _ now: Int64) {
    self.header = UInt64(header)
    account.connectTime = now - accepted
  }

  /// The first of several ends is the one that counts.
  func ended(_ end: Account.End) {
    guard !isEnded else { return }
    isEnded = true
    account.end = end
  }

  func close(_ connection: borrowing Connection, now: Int64) -> Account {
    account.uploaded = connection.upload.delivered - min(header, connection.upload.delivered)
    account.downloaded = connection.download.delivered
    account.totalTime = now - accepted
    return account
  }
}
