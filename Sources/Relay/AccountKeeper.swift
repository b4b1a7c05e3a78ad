import Kernel
import Wire

/// Keeps the account of one connection while it is open.
final class AccountKeeper {
  private var account: Account
  /// Nanoseconds of the monotonic clock, as for the histograms of the status file.
  private let accepted: Int64
  private var header: UInt64 = 0
  private var isEnded = false

  init(_ account: Account, accepted: Int64) {
    self.account = account
    self.accepted = accepted
  }

  /// - Parameter message: the ClientHello's.
  func helloComplete(_ hello: ClientHello, _ message: [UInt8], at now: Int64) {
    account.helloTime = now - accepted
    account.request = Request(hello)
    if account.isFingerprinted { account.request.fingerprint = (try? Fingerprint(message: message))?.ja4 }
  }

  /// - Parameter host: the name of the entry in the hosts directory.
  func found(_ host: [UInt8]) { account.request.host = host }

  /// - Parameters:
  ///   - host: the name of the entry in the hosts directory.
  ///   - header: bytes that the backend gets from us and not from the client.
  func connected(to host: [UInt8], header: Int) {
    account.request.host = host
    self.header = UInt64(header)
    account.connectTime = monotonicNow() - accepted
  }

  /// - Parameter host: the name of the entry in the hosts directory, if there is one.
  func refused(_ refusal: Refusal, host: [UInt8]?) {
    account.request.host = host
    ended(.refused(refusal))
  }

  /// The first of several ends is the one that counts.
  func ended(_ end: Account.End) {
    guard !isEnded else { return }
    isEnded = true
    account.end = end
  }

  func close(_ connection: borrowing Connection) -> Account {
    switch account.end {
    case .handedOver, .handoffDropped: break
    case .finished, .refused, .resetByClient, .resetByBackend, .cut, .shortage:
      account.uploaded = connection.upload.delivered - min(header, connection.upload.delivered)
      account.downloaded = connection.download.delivered
    }
    account.totalTime = monotonicNow() - accepted
    return account
  }
}
