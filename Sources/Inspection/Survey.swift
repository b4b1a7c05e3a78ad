import Kernel
import Relay
import Wire

/// What can be said of an entry without a connection to its backend.
extension Inspector {
  mutating func survey(_ entry: [UInt8], _ target: BackendSocket) -> Scene {
    var scene = Scene(to: target, reader: settings.reader)
    let recorder = WayRecorder(
      from: path == Array(".".utf8) ? [] : path, areOpen: areOpenToOthers, status, replacers)
    var trail = Trail(from: hosts.directory)
    trail.observer = { recorder.note($0) }
    do throws(Refusal) {
      let host = try Self.host(of: entry, &trail)
      // The trail goes on from it.
      defer { withExtendedLifetime(host) {} }
      recorder.reachedHost()
      if let (files, areAll) = try? host.names(atMost: Self.mostFiles) {
        (scene.files, scene.areAllFiles) = (files, areAll)
      }
      scene.strangers = Self.strangers(scene.files ?? [], in: host)
      try note(host, &scene)
      scene.hasBothFlags = scene.header == .version2 && (try? host.contains("send-proxy-v1")) == true
      try Self.follow(&trail, to: target)
      scene.verdict = try judge(trail, recorder.way, target)
    } catch {
      scene.verdict = .refused(error)
    }
    if hosts.delegation == nil {
      do throws(Refusal) { scene.verdict = try judge(entry, &scene) } catch { scene.verdict = .refused(error) }
    }
    scene.way = recorder.way
    for stop in scene.way.stops where stop.kind != .file && !isAdministrator(stop.status.owner) {
      if !scene.users.contains(stop.status.owner) { scene.users.append(stop.status.owner) }
    }
    return scene
  }

  private static func strangers(_ files: [[UInt8]], in host: borrowing Directory) -> [Scene.Stranger] {
    var strangers: [Scene.Stranger] = []
    for file in files.sorted(by: { $0.lexicographicallyPrecedes($1) }) where !known.contains(file) {
      // A new link that is about to be moved over the old one.
      guard !sockets.contains(where: { file.starts(with: $0 + [UInt8(ascii: ".")]) }), let meant = meantFile(file),
        let status = try? host.status(of: file)
      else { continue }
      strangers.append(Scene.Stranger(name: file, meant: meant, identity: status.identity))
    }
    return strangers
  }

  /// What the host directory asks for.
  private func note(_ host: borrowing Directory, _ scene: inout Scene) throws(Refusal) {
    if case .handoff = try hosts.call(host, true) { scene.hasHandoff = true }
    // Receivers of clients know whom they believe.
    if scene.target == .relay, case .relay(let header) = try hosts.call(host, false) { scene.header = header }
  }

  /// Also where the rule for delegated names is off.
  func isAdministrator(_ user: UserID) -> Bool {
    hosts.delegation?.isAdministrator(user) ?? (user == 0 || user == status.owner && user != Delegation.nobody)
  }

  private static func host(of entry: [UInt8], _ trail: inout Trail) throws(Refusal) -> Directory {
    do throws(Errno) {
      try trail.follow(entry, toDirectory: true)
      return try trail.takeDirectory()
    } catch {
      throw HostsDirectory.refusalOfEntry(error)
    }
  }

  private static func follow(_ trail: inout Trail, to target: BackendSocket) throws(Refusal) {
    do throws(Errno) {
      try trail.follow(Array("\(target.name)".utf8))
    } catch {
      throw HostsDirectory.refusalOfSocket(error, target)
    }
  }

  /// Where the rule for delegated names is off, the kernel alone follows the way: over as many steps as there are.
  private mutating func judge(_ entry: [UInt8], _ scene: inout Scene) throws(Refusal) -> Verdict {
    defer { hosts.directory.leave(by: &way) }
    let host: Directory
    do throws(Errno) {
      host = try hosts.directory.directory(entry, by: &way)
    } catch {
      throw HostsDirectory.refusalOfEntry(error)
    }
    try note(host, &scene)
    do throws(Errno) {
      let file = try host.file(scene.target.name)
      guard file.mayBeWritten else { throw .permissionDenied }
      guard file.status.kind == .socket else { throw .connectionRefused }
    } catch {
      throw HostsDirectory.refusalOfSocket(error, scene.target)
    }
    return settings.connects ? .served : .unknown
  }

  private func judge(_ trail: borrowing Trail, _ way: Way, _ target: BackendSocket) throws(Refusal) -> Verdict {
    // Where nobody else has a say, the kernel alone looks at what is in the socket's place.
    if isAdministratorsDirectory(way) {
      throw trail.mayBeWritten ? .backendRefused(target) : .noPermission
    }
    let user = try hosts.delegation?.onlyUser(trail)
    if let user, hosts.delegation?.isOwner(user, of: trail.status) == false {
      if user == Delegation.nobody || way.end?.status.kind != .socket { throw .socketOfAnother(than: user) }
      return .unknown
    }
    guard trail.mayBeWritten else { throw .noPermission }
    guard way.end?.status.kind == .socket else { throw .backendRefused(target) }
    return settings.connects ? .served : .unknown
  }

  /// True if there is a directory in the socket's place, and no link, where only administrators have a say.
  private func isAdministratorsDirectory(_ way: Way) -> Bool {
    guard let end = way.end, end.kind == .directory, let host = way.host, host.status.isWritableByOwnerOnly else {
      return false
    }
    let before = way.stops.dropLast()
    return before.last?.path == host.path
      && before.allSatisfy { isAdministrator($0.status.owner) && ($0.kind != .directory || !$0.status.isOpenToAll) }
  }

  private static let mostFiles = 1000
}
