import Kernel
import Relay
import Wire

// What is worth to know of an entry though it may be served.

extension Inspector {
  func advice(on scene: Scene, _ handoff: Scene?, _ verdict: Verdict) -> [Finding] {
    var findings: [Finding] = []
    if scene.hasBothFlags, let host = scene.way.host {
      findings.append(
        Finding(
          .note, .bothFlags, "both flags are there: the backend gets a PROXY header of version 2",
          mends: scene.offers("rm \(shellPath(join(host.path, Self.version1)))", inside: host)))
    }
    findings += unknownFiles(scene, handoff)
    if scene.header != nil, verdict != .unreachable, verdict.refusal == nil, let forgeable = forgeable(scene) {
      findings.append(forgeable)
    }
    if scene.hasHandoff, let header = scene.header {
      findings.append(
        Finding(
          .note, .handoffFlags,
          "\(header == .version1 ? "send-proxy-v1" : "send-proxy-v2") does not matter to clients who are handed over: with each of them "
            + "comes a PROXY header of version 2"))
    }
    return findings + advice(onWayOf: scene, verdict)
  }

  func advice(onWayOf scene: Scene, _ verdict: Verdict) -> [Finding] {
    var findings: [Finding] = []
    if scene.way.lost?.error == .tooManyLinks, verdict.refusal == nil {
      findings.append(
        Finding(.note, .notListed, "its way is longer than 255 steps, of which only the first ones were looked at"))
    }
    if settings.chroot, scene.way.leavesTree {
      findings.append(
        Finding(
          .problem, .leavesTree,
          "it leads out of the hosts directory: in a chroot there it would lead nowhere, or elsewhere: "
            + shellWord(scene.way.end?.path ?? scene.way.lost?.path ?? []),
          mends: []))
    }
    return findings
  }

  private func unknownFiles(_ scene: Scene, _ handoff: Scene?) -> [Finding] {
    guard let host = scene.way.host, let files = scene.files else { return [] }
    let inUse = Set((scene.way.stops + (handoff?.way.stops ?? [])).map(\.status.identity))
    var findings: [Finding] = []
    for stranger in scene.strangers where !inUse.contains(stranger.identity) {
      guard findings.count < Self.mostGuesses else { break }
      let (file, meant) = (stranger.name, Array("\(stranger.meant)".utf8))
      guard isMisspelling(file, of: stranger.meant) else {
        findings.append(
          Finding(
            .note, .unknownFile,
            "\(shellWord(join(host.path, file))) means nothing here: it does not stand for \(shellWord(meant))"))
        continue
      }
      let isThere = files.contains(meant)
      // That is said already.
      if meant == Self.socketName, !isThere, !scene.hasHandoff { continue }
      let text = "\(shellWord(join(host.path, file))) means nothing here: is \(shellWord(meant)) meant?"
      // Somebody may listen on it.
      guard !isThere || !Self.sockets.contains(meant) else {
        findings.append(Finding(.warning, .unknownFile, "\(text) That is there already"))
        continue
      }
      findings.append(
        Finding(
          .warning, .unknownFile, text,
          mends: isThere
            ? scene.offers(
              "rm \(shellPath(join(host.path, file)))   # if it is of no use: \(shellWord(meant)) is there already",
              inside: host) : rename(stranger, scene, in: host)))
    }
    if !scene.areAllFiles {
      findings.append(
        Finding(
          .note, .notListed,
          "\(shellWord(host.path)) has more than \(files.count) files: not all of them were looked at for misspelt names"
        ))
    }
    return findings
  }

  /// The command that gives a file of the host directory the name that is meant, unless links of others may lead through it.
  func rename(_ stranger: Scene.Stranger, _ scene: Scene, in host: Way.Stop) -> [String] {
    let meant = Array("\(stranger.meant)".utf8)
    let move = "mv -nT \(shellPath(join(host.path, stranger.name))) \(shellPath(join(host.path, meant)))"
    guard Self.sockets.contains(meant) else { return scene.offers(move, inside: host) }
    return isPassed(stranger.identity) != false ? [] : scene.offers(move + Self.movesSocket, inside: host)
  }

  /// A backend believes the addresses in the header of whoever connects.
  private func forgeable(_ scene: Scene) -> Finding? {
    guard let end = scene.way.end, end.status.kind == .socket, end.status.isGrantedToOthers(.write),
      scene.way.isOpenToOthers
    else { return nil }
    let text =
      "every user of this machine may write to \(shellWord(end.path)) (\(Self.rights(end.status))), and so send it a PROXY header "
      + "with an address that they make up"
    // To close it is to close it to sniproxy too, unless it is kept open to the right user.
    guard let opening = opening(.write, of: end.path, end.status, end.list) else {
      return Finding(.warning, .forgeable, "\(text): as root, --user tells how to close it to them and not to sniproxy")
    }
    let close = "chmod o-w \(shellPath(end.path))   # or close a directory on the way to others"
    return Finding(
      .warning, .forgeable, text + Self.duration,
      mends: scene.offers((opening.byList.map { [$0] } ?? []) + [close], on: end))
  }

  // MARK: - The whole tree

  /// What is to be said of the hosts directory itself.
  package func findingsOfTree() -> [Finding] {
    var findings: [Finding] = []
    if let socket = hostsSocket {
      findings.append(
        Finding(
          .warning, .hostDirectory,
          "there is \(socket) in it, as in the directory of one host: if it is one, give the directory above it"))
    }
    if status.isOpenToAll {
      findings.append(
        Finding(
          .problem, .hostsOpenToAll,
          "anybody may replace the entries of others in the hosts directory (\(Self.rights(status)))",
          mends: ["+t", "o-w"].flatMap {
            replacers.offers(["chmod \($0) \(shellPath(path))"], on: status, to: settings.reader)
          }))
    }
    if !hosts.directory.mayBeSearched {
      let list = hosts.directory.accessList
      let opening = opening(.search, of: path, status, list)
      findings.append(
        Finding(
          .problem, .noPermission,
          "\(Self.person(effectiveUser)) may not search the hosts directory (\(Self.rights(status, list))): every client is "
            + "refused",
          mends: [opening?.byList, opening?.byMode].compactMap(\.self).flatMap {
            replacers.offers([$0], on: status, to: settings.reader)
          }))
    }
    if !settings.isProxysUser {
      findings.append(
        effectiveUser == 0
          ? Finding(
            .note, .asRoot,
            "looked as root without capabilities, as sniproxy does when it runs as root: for another user give --user")
          : Finding(
            .note, .asUser,
            "looked as \(Self.person(effectiveUser)): if sniproxy runs as another user, what is open and closed to it may differ: "
              + "as root, give --user"))
    }
    return findings
  }

  private static let version1 = Array("send-proxy-v1".utf8)
  private static let version2 = Array("send-proxy-v2".utf8)
  static let sockets = [socketName, handoffName]
  static let known = sockets + [version1, version2]
  private static let mostGuesses = 10
  /// Behind a command.
  static let movesSocket = "   # and tell the backend, if it makes its socket there"
}
