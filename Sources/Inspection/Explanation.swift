package import Kernel
import Relay
import Wire

// Why an entry is refused, in words and with the commands that mend it. What refuses it is the proxy's verdict; where on the
// way that lies is what the survey saw.

extension Inspector {
  func findings(of prospects: Prospects, _ scene: Scene, _ handoff: Scene?, _ entry: [UInt8]) -> [Finding] {
    let relayed = explanation(of: scene, prospects.relayed, entry)
    var findings = relayed
    if let handoff, let verdict = prospects.handoff {
      let own = explanation(of: handoff, verdict, entry)
      findings = together(own, relayed, prospects, scene) + advice(onWayOf: handoff, verdict)
    }
    for finding in advice(on: scene, handoff, prospects.relayed) where !findings.contains(finding) {
      findings.append(finding)
    }
    return findings
  }

  /// What is to be said of `tls-handoff`, and of `tls-socket` beside it.
  private func together(
    _ handoff: [Finding], _ relayed: [Finding], _ prospects: Prospects, _ scene: Scene
  ) -> [Finding] {
    switch (prospects.fallsBack, prospects.relayed) {
    case (true, .refused(.noSocket)) where scene.hasNone: return handoff + handoffOnly(scene)
    case (true, .refused): return handoff + relayed
    case (true, _): return handoff.map { $0.asWarning("clients are relayed to tls-socket") } + relayed
    case (false, .refused(.noSocket)) where scene.hasNone: return handoff + handoffOnly(scene)
    case (false, _):
      let others = relayed.filter { !handoff.contains($0) }
      return handoff + others.map(\.ofOthers)
    }
  }

  private func handoffOnly(_ scene: Scene) -> [Finding] {
    let alert = Refusal.noSocket.alert.map { "\($0.rawValue) \($0.name)" } ?? ""
    return [
      Finding(
        .note, .handoffOnly,
        "there is no tls-socket beside tls-handoff: who cannot be handed over, a client of a Unix listener or one whose ClientHello has "
          + "to be read into memory, gets alert \(alert)")
    ]
  }

  private func explanation(of scene: Scene, _ verdict: Verdict, _ entry: [UInt8]) -> [Finding] {
    var findings: [Finding] = []
    switch verdict {
    case .refused(let refusal): findings += explain(refusal, scene, entry)
    case .waits:
      findings.append(
        Finding(
          .warning, .backlogFull,
          scene.target == .handoff
            ? "the receiver's backlog is full now: clients wait, and after --connect-timeout "
              + (scene.files?.contains(Self.socketName) == false ? "get alert 80" : "are relayed to tls-socket")
            : "the backend's backlog is full now: clients wait, and get alert 80 after --connect-timeout"))
    case .unknown where !scene.users.isEmpty && hosts.delegation != nil && !settings.connects:
      if let end = scene.way.end, !scene.users.contains(end.status.owner) {
        findings.append(
          Finding(
            .warning, .ownerUnknown,
            "\(Self.people(scene.users)) has a say in where this name leads, and \(shellWord(end.path)) is "
              + "\(Self.person(end.status.owner))'s: it is served only if \(Self.people(scene.users)) listens on it"))
      }
    case .served, .unknown, .unreachable: break
    }
    return findings
  }

  private func explain(_ refusal: Refusal, _ scene: Scene, _ entry: [UInt8]) -> [Finding] {
    if let reserved = reserved(scene) { return [reserved] }
    return switch refusal {
    case .unknownName: [unknown(scene, entry)]
    case .noSocket: [noSocket(scene, entry)]
    case .noPermission: [scene.endsInDirectory ? nobodyListens(scene) : denied(scene, entry)]
    case .socketOfAnother(let user): ofAnother(user, scene, entry)
    case .severalOwners(let users):
      [
        Finding(
          .problem, .severalOwners,
          "\(Self.people(users)) all have a say in where this name leads, so it leads nowhere: "
            + Self.say(scene.way, users).joined(separator: ", "))
      ]
    case .openToAll: openToAll(scene)
    case .backendRefused: [nobodyListens(scene)]
    case .backendFailed(_, let code): [backendFailed(Errno(code), scene)]
    case .lookUpFailed(let code), .outOfResources(let code): [lookUpFailed(Errno(code), scene)]
    // A client's or the machine's: no look-up gives them.
    case .unexpectedRecord, .unexpectedMessage, .recordOverflow, .emptyRecord, .clientHelloTooLong, .truncated,
      .lengthOutOfRange, .leftover, .repeatedExtension, .repeatedNameType, .preSharedKeyNotLast, .noServerName,
      .illegalName, .backendTimedOut, .clientLimit, .hostLimit, .helloLimit, .helloTimedOut, .hungUp:
      [Finding(.problem, .lookUpFailed, "the look-up failed")]
    }
  }

  /// The entry is there for nobody else to register the name: no umask makes one without any permission.
  private func reserved(_ scene: Scene) -> Finding? {
    guard !status.isWritableByOwnerOnly, let entry = scene.way.stops.first, isAdministrator(entry.status.owner),
      entry.status.kind != .link, entry.status.permissions == 0, scene.files?.isEmpty ?? true
    else { return nil }
    return Finding(
      .note, .reserved,
      "\(shellWord(entry.path)) (\(Self.rights(entry.status))) is closed to everybody, which reserves the name")
  }

  // MARK: - What is not there

  private func unknown(_ scene: Scene, _ entry: [UInt8]) -> Finding {
    let way = scene.way
    guard let first = way.stops.first else {
      let names = (try? entries().names) ?? []
      if let meant = names.first(where: { EntryReading($0, hashed: settings.hashed).rename == entry }) {
        return Finding(
          .problem, .noEntry,
          "there is no such entry in the hosts directory, but \(shellWord(meant)), which no client can ask for",
          mends: renames(meant, entry))
      }
      let near = nearest(entry, in: names)
      let hint = near.map { ": is \(shellWord($0)) meant?" } ?? ""
      return Finding(
        .problem, .noEntry, "there is no such entry in the hosts directory\(hint)",
        mends: replacers.adding(nil, in: status).offers(
          ["mkdir -m 755 \(shellPath(shown(entry)))"], on: status, to: settings.reader))
    }
    if case .link = first.kind {
      let link = scene.way.stops.last { if case .link = $0.kind { true } else { false } } ?? first
      return danglingLink(link, way, scene, inPlaceOf: "directory")
    }
    return Finding(
      .warning, .notADirectory,
      "it is \(first.status.noun), and no host directory: clients get what they get for an unknown name")
  }

  private func noSocket(_ scene: Scene, _ entry: [UInt8]) -> Finding {
    let way = scene.way
    guard let host = way.host else { return unknown(scene, entry) }
    if let link = scene.socketLink { return danglingLink(link, way, scene, inPlaceOf: "socket") }
    let meant = scene.strangers.first {
      Array("\($0.meant)".utf8) == scene.targetName && isMisspelling($0.name, of: scene.target.name)
    }
    guard let meant else {
      return Finding(
        .problem, .noSocket,
        "there is no \(scene.target.name) in \(shellWord(host.path)): let the backend listen there, or make it a link to the backend's socket"
      )
    }
    return Finding(
      .problem, .noSocket, "there is no \(scene.target.name) in \(shellWord(host.path)), but \(shellWord(meant.name))",
      mends: rename(meant, scene, in: host))
  }

  private func danglingLink(_ link: Way.Stop, _ way: Way, _ scene: Scene, inPlaceOf noun: String) -> Finding {
    guard let lost = way.lost else {
      if noun == "socket", way.end?.status.kind == .socket, way.endsWithSlash {
        return Finding(
          .problem, .danglingLink,
          "\(Self.link(link)) ends with a slash, and what it leads to is a socket: only a directory may have one",
          mends: [])
      }
      return Finding(
        .problem, .danglingLink,
        "\(Self.link(link)) leads to \(way.end?.status.noun ?? "nothing"), and not to a \(noun)")
    }
    let why =
      lost.error == .notDirectory
      ? "is no directory"
      : noun == "socket" ? "does not exist: has the backend started, and does it listen there?" : "does not exist"
    return Finding(
      .problem, .danglingLink, "\(Self.link(link)) leads nowhere: \(shellWord(lost.path)) \(why)")
  }

  private static func link(_ link: Way.Stop) -> String {
    guard case .link(let text?) = link.kind else { return "the link \(shellWord(link.path))" }
    return "the link \(shellWord(link.path)) -> \(shellWord(text))"
  }

  // MARK: - Who may

  private func denied(_ scene: Scene, _ entry: [UInt8]) -> Finding {
    let stop: (path: [UInt8], status: FileStatus, list: AccessList?, isDirectory: Bool, replacers: Replacers)
    if !hosts.directory.mayBeSearched {
      stop = (path, status, hosts.directory.accessList, true, replacers)
    } else if let closed = scene.way.stops.first(where: {
      !$0.isPermitted && ($0.kind == .directory || $0.path == scene.way.end?.path)
    }) {
      // To open it would be of no use.
      guard closed.kind == .directory || closed.status.kind == .socket else { return nobodyListens(scene) }
      stop = (closed.path, closed.status, closed.list, closed.kind == .directory, closed.replacers)
    } else {
      return Finding(
        .problem, .noPermission,
        "\(Self.person(effectiveUser)) may not search a directory on the way, or write to the socket: \(shellWord(scene.way.lost?.path ?? shown(entry)))"
      )
    }
    let opening = opening(stop.isDirectory ? .search : .write, of: stop.path, stop.status, stop.list)
    var mends = opening?.byList.map { scene.offers([$0], on: stop.status, stop.replacers) } ?? []
    // Who may write to a backend that believes PROXY headers can make up addresses.
    if let opening, let byMode = opening.byMode, stop.isDirectory || scene.header == nil || opening.modeIsOwners {
      mends += scene.offers([byMode], on: stop.status, stop.replacers)
    }
    // Nobody is to open for a user what they led their name to.
    let leader =
      opening != nil && mends.isEmpty && !scene.users.isEmpty
      ? ": it is \(Self.people(scene.users)) who leads the name there" : ""
    return Finding(
      .problem, .noPermission,
      stop.isDirectory
        ? "\(Self.person(effectiveUser)) may not search the directory \(shellWord(stop.path)) (\(Self.rights(stop.status, stop.list)))\(leader)"
        : "\(Self.person(effectiveUser)) may not write to \(shellWord(stop.path)) (\(Self.rights(stop.status, stop.list))), which connecting takes\(leader)\(stop.status.kind == .socket ? Self.duration : "")",
      mends: mends)
  }

  /// How it is opened to the proxy's user; nil where that may be another than the one who looks.
  func opening(_ permission: Access, of path: [UInt8], _ status: FileStatus, _ list: AccessList?) -> Opening? {
    settings.isProxysUser ? Opening(permission, of: path, status, list) : nil
  }

  private func ofAnother(_ user: UserID, _ scene: Scene, _ entry: [UInt8]) -> [Finding] {
    guard let end = scene.way.end, scene.way.lost == nil else { return [] }
    let say = Self.say(scene.way, [user]).joined(separator: ", ")
    if user == Delegation.nobody {
      return [
        Finding(
          .problem, .socketOfAnother,
          "user id \(user), which may stand for anybody, has a say in where this name leads: \(say)")
      ]
    }
    var findings = [
      Finding(
        .problem, .socketOfAnother,
        "\(Self.person(user)) has a say in where this name leads (\(say)), and neither owns \(shellWord(end.path)), which is "
          + "\(Self.person(end.status.owner))'s, nor listens on it: \(Self.person(user))'s service must make the socket itself, as \(Self.person(user))",
        mends: [])
    ]
    if end.status.kind != .socket {
      findings.append(nobodyListens(scene))
    } else if !end.isPermitted {
      findings.append(denied(scene, entry))
    }
    return findings
  }

  private func openToAll(_ scene: Scene) -> [Finding] {
    scene.way.stops.filter { $0.kind == .directory && $0.status.isOpenToAll }.map { stop in
      Finding(
        .problem, .openToAll,
        "this name leads through \(shellWord(stop.path)) (\(Self.rights(stop.status))), in which anybody may change anything",
        mends: ["o-w", "+t"].flatMap { scene.offers(["chmod \($0) \(shellPath(stop.path))"], on: stop) })
    }
  }

  // MARK: - The backend

  private func nobodyListens(_ scene: Scene) -> Finding {
    guard let end = scene.way.end else {
      return Finding(.problem, .nobodyListens, "nobody listens on \(scene.target.name)")
    }
    guard end.status.kind == .socket else {
      let remove = scene.endsInDirectory ? "rmdir" : "rm"
      return Finding(
        .problem, .notASocket, "\(shellWord(end.path)) is \(end.status.noun), and not a socket",
        // What a link leads to may be anything, and is not to be removed.
        mends: scene.socketLink == nil
          ? scene.way.host.map {
            scene.offers("\(remove) \(shellPath(end.path))   # and let the backend listen there", inside: $0)
          } ?? [] : [])
    }
    return Finding(
      .problem, .nobodyListens,
      "nobody listens on \(shellWord(end.path)): the backend has ended, or its socket is another now",
      mends: [])
  }

  private func backendFailed(_ error: Errno, _ scene: Scene) -> Finding {
    let socket = shellWord(scene.way.end?.path ?? scene.targetName)
    switch error {
    case .wrongType:
      return Finding(
        .problem, .wrongSocketType,
        scene.target == .handoff
          ? "\(socket) is no socket for packets: who takes clients over must listen on one (SOCK_SEQPACKET), and a backend that listens "
            + "on a stream socket takes tls-socket"
          : "\(socket) is a socket for datagrams or packets: the backend must listen on a stream socket (SOCK_STREAM); one that takes "
            + "clients over listens on tls-handoff")
    case .tooManyLinks: return loop(scene)
    case .nameTooLong:
      return Finding(.problem, .danglingLink, "a link on the way to the socket has a name that is too long")
    default: return Finding(.problem, .backendFailed, "connecting to \(socket) failed: \(error)")
    }
  }

  private func lookUpFailed(_ error: Errno, _ scene: Scene) -> Finding {
    if error == .tooManyLinks { return loop(scene) }
    return Finding(.problem, .lookUpFailed, "the look-up failed: \(error)")
  }

  private func loop(_ scene: Scene) -> Finding {
    let link = scene.way.stops.last { if case .link = $0.kind { true } else { false } }
    return Finding(
      .problem, .linkLoop,
      "links lead in a circle, or over more than 40 links or 255 steps: \(link.map(Self.link) ?? "on the way")")
  }

  // MARK: - Words

  static let socketName = Array("\(BackendSocket.relay.name)".utf8)
  static let handoffName = Array("\(BackendSocket.handoff.name)".utf8)

  /// How long the permissions of a socket last.
  static let duration =
    " (a backend that starts anew makes its socket anew: see to it that it makes it so, by its umask, a group, or SocketMode= of "
    + "systemd.socket(5))"

  /// What of the way is these users'.
  private static func say(_ way: Way, _ users: [UserID]) -> [String] {
    way.stops.filter { $0.kind != .file && users.contains($0.status.owner) }.prefix(8).map {
      "\(shellWord($0.path)) is \(person($0.status.owner))'s"
    }
  }

  static func rights(_ status: FileStatus, _ list: AccessList? = nil) -> String {
    let octal = String(status.permissions, radix: 8)
    return "mode \(String(repeating: "0", count: max(0, 4 - octal.count)))\(octal), owner \(name(status.owner))"
      + (list == nil ? "" : ", and an access control list")
  }

  /// The name that commands take.
  static func name(_ user: UserID) -> String { userName(user).map { shellWord(Array($0.utf8)) } ?? "\(user)" }

  package static func person(_ user: UserID) -> String { userName(user) == nil ? "user \(user)" : name(user) }

  static func people(_ users: [UserID]) -> String { users.map(person).joined(separator: ", ") }
}
