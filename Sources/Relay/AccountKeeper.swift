import Wire

/// Keeps the account of one connection while it is open.
final class AccountKeeper {
  private var account: Account
  private let accepted: Int64
  private var isEnded = false

  init(_ account: Account, accepted: Int64) {
    self.account = account
    self.accepted = accepted
  }

  func helloComplete(_ greeting: Greeting, _ now: Int64) {
    account.serverName = greeting.hello?.serverName.map { Array($0) }
    account.host = greeting.name
    account.helloTime = now - accepted
  }

  func connected(_ now: Int64) { account.connectTime = now - accepted }

  /// The first of several ends is the one that counts.
  func ended(_ end: Account.End) {
    guard !isEnded else { return }
    isEnded = true
    account.end = end
  }

  func close(_ connection: borrowing Connection, now: Int64) -> Account {
    account.uploaded = connection.upload.delivered
    account.downloaded = connection.download.delivered
    account.totalTime = now - accepted
    return account
  }
}
