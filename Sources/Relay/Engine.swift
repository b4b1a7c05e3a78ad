import Kernel
import Status

/// What a worker's sessions share: each uses it while it is being served, one at a time.
struct Engine: ~Copyable {
  let settings: Settings
  let hosts: HostsDirectory
  var socketPath: SocketPath
  let clients: Quota<ClientNetwork>?
  let untaken: Quota<FileIdentity>
  let report: @Sendable (Event) -> Void
  let tally: Tally
  var ferry = Ferry()
  var poller: Poller
  var deadlines: Deadlines
  /// Whether the program is about to end, and waits for none but clients.
  var isDraining = false
  /// The time of the present turn of the loop, in nanoseconds of the monotonic clock.
  var now: Int64

  /// Changes what a socket tells. What is there already is told again.
  func watch(_ number: Int32, _ watch: Watch, insteadOf present: Watch, _ token: Token) throws(Errno) {
    let interest: Poller.Interest = watch == .arrivalsAndRoom ? .arrivalsAndRoom : .arrivals
    if present == .none {
      try poller.add(number, interest, token)
    } else {
      try poller.modify(number, interest, token)
    }
  }
}

/// How the relay is to behave. Times are in nanoseconds.
package struct Settings: Sendable {
  package var helloTimeout: Int64
  package var connectTimeout: Int64
  package var accessLog: Bool
  /// Whether the access log tells fingerprints.
  package var logFingerprint: Bool
  /// Connections of one client at once; nil for any number.
  package var maxPerClient: Int?
  /// How often each worker's loop must turn though nothing happens; nil if it need not.
  package var heartbeat: Int64?

  package init(
    helloTimeout: Int64, connectTimeout: Int64, accessLog: Bool, logFingerprint: Bool, maxPerClient: Int?,
    heartbeat: Int64?
  ) {
    self.helloTimeout = helloTimeout
    self.connectTimeout = connectTimeout
    self.accessLog = accessLog
    self.logFingerprint = logFingerprint
    self.maxPerClient = maxPerClient
    self.heartbeat = heartbeat
  }
}
