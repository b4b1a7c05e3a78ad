import Kernel
import Wire

/// Keeps the account of one connection while it is open.
final class AccountKeeper {
  private var account: Account
  private let accepted = monotonicNow()
  private var header: UInt64 = 0
  private var isEnded = false

  init(_ account: Account) { self.account = account }

  func helloComplete(_ hello: ClientHello) {
    account.serverName = hello.serverName.map { Array($0) }
    account.helloTime = monotonicNow() - accepted
  }

  /// - Parameter header: bytes that the backend gets from us and not from the client.
  func connected(header: Int) {
    self.header = UInt64(header)
    account.connectTime = monotonicNow() - accepted
  }

  /// The first of several ends is the one that counts.
  func ended(_ end: Account.End) {
    guard !isEnded else { return }
    isEnded = true
    account.end = end
  }

  func close(_ connection: borrowing Connection) -> Account {
    account.uploaded = connection.upload.delivered - min(header, connection.upload.delivered)
    account.downloaded = connection.download.delivered
    account.totalTime = monotonicNow() - accepted
    return account
  }
}
