import Kernel
import Relay
import Wire

extension Inspector {
  /// What was seen of an entry at one look.
  struct Scene {
    var way = Way()
    /// What `tls-socket` is sent first.
    var header: ProxyHeader?
    /// There is `tls-handoff` in the host directory.
    var hasHandoff = false
    var hasBothFlags = false
    /// The names in the host directory; nil if it cannot be listed.
    var files: [[UInt8]]?
    var areAllFiles = true
    var strangers: [Stranger] = []
    /// Who has a say besides administrators.
    var users: [UserID] = []
    var verdict: Verdict = .unknown
    /// Where the way was to lead.
    let target: BackendSocket
    /// Who reads the commands.
    let reader: UserID

    init(to target: BackendSocket, reader: UserID) {
      self.target = target
      self.reader = reader
    }

    var targetName: [UInt8] { Array("\(target.name)".utf8) }

    /// The socket at the end.
    var socket: (path: [UInt8], identity: FileIdentity)? {
      guard let end = way.end, end.kind == .file, end.status.kind == .socket else { return nil }
      return (end.path, end.status.identity)
    }

    /// The last link on the way from the host directory to the socket.
    var socketLink: Way.Stop? {
      guard let host = way.host else { return nil }
      let socket = join(host.path, targetName)
      return way.stops.drop { $0.path != socket }.last { if case .link = $0.kind { true } else { false } }
    }

    /// A file in the host directory that means nothing there, and whose name is like that of one that does.
    struct Stranger {
      let name: [UInt8]
      let meant: StaticString
      let identity: FileIdentity
    }

    /// Commands that belong together and change this, unless somebody else than its owner has a say in where the name leads:
    /// nobody is to be talked into doing a user's will on what is not theirs. What a user may replace by a link meanwhile is
    /// changed as that user only.
    ///
    /// - Parameter path: the path that they change.
    func offers(_ commands: [String], on stop: Way.Stop) -> [String] {
      offers(commands, on: stop.status, stop.replacers)
    }

    func offers(_ commands: [String], on status: FileStatus, _ replacers: Replacers) -> [String] {
      guard users.allSatisfy({ $0 == status.owner }) else { return [] }
      return replacers.adding(users).offers(commands, on: status, to: reader)
    }

    /// The same of a command that changes what is in the host directory.
    func offers(_ command: String, inside host: Way.Stop) -> [String] {
      offers([command], on: host.status, host.replacers.adding(allOf: host.status))
    }

    /// True if there is nothing in the socket's place, not even a link.
    var hasNone: Bool { verdict == .refused(.noSocket) && socketLink == nil }

    /// True if there is a directory in the socket's place.
    var endsInDirectory: Bool {
      way.host != nil && way.lost == nil && way.end?.kind == .directory && way.end?.path != way.host?.path
    }
  }
}
