package import Kernel
package import Wire

/// The directory whose entries are the routes. It is opened once; below it nothing is remembered from one connection to
/// the next.
package final class HostsDirectory: Sendable {
  package let directory: Directory
  private let hashed: Bool
  /// nil where anybody may lead a name to any socket.
  package let delegation: Delegation?
  /// nil where there is no limit.
  private let quota: Quota<FileIdentity>?
  /// True if anybody may replace what is another's in it.
  package let isOpenToAll: Bool

  /// - Parameters:
  ///   - hashed: entries are named by the SHA-256 of the name.
  ///   - anySocketOwner: the rule for delegated names is off.
  ///   - maxPerHost: connections of one host directory at once; nil for any number.
  package init(path: String, hashed: Bool, anySocketOwner: Bool, maxPerHost: Int?) throws(Errno) {
    directory = try Directory(path: path)
    self.hashed = hashed
    let status = try directory.status
    isOpenToAll = status.isOpenToAll
    delegation = anySocketOwner ? nil : try Delegation(hosts: status)
    quota = maxPerHost.map { Quota(most: $0) }
  }

  /// The name of the host's entry.
  func entryName(of name: HostName) -> [UInt8] { name.entryName(hashed: hashed) }

  /// What came of an attempt to reach a host's backend.
  enum Reached: ~Copyable {
    case connected(Socket, Call, Places, connectBegan: Int64)
    /// The backend's backlog is full. No event tells when that ends.
    case backlogFull(BackendSocket, connectBegan: Int64)
    case refused(Refusal)
  }

  /// What a backend is to get first.
  package enum Call {
    /// This header, if any, and then the client's bytes.
    case relay(ProxyHeader?)
    /// The client's connection.
    case handoff

    package var socket: BackendSocket {
      switch self {
      case .relay: .relay
      case .handoff: .handoff
      }
    }
  }

  /// What a connection takes of its host's shares, and gives back when this ends.
  struct Places {
    fileprivate(set) var host: Quota<FileIdentity>.Place?
    fileprivate(set) var untaken: Quota<FileIdentity>.Place?
  }

  /// Connects to the backend of this name as its entry is now.
  ///
  /// - Parameter untaken: bounds the clients of a host directory that were handed over and are not yet taken; nil if this
  ///   client cannot be handed over.
  func reach(_ name: HostName, untaken: Quota<FileIdentity>?, by way: inout SocketPath) -> Reached {
    reach(entry: entryName(of: name), untaken, by: &way)
  }

  /// What a client who asks for the name of this entry now would meet.
  package enum Outlook: ~Copyable {
    case served(Socket, Call)
    /// The client would wait for the backlog of this socket.
    case backlogFull(BackendSocket)
    case refused(Refusal)
  }

  /// Reaches the entry's backend as for a client.
  ///
  /// - Parameter handingOver: whether the client could be handed over.
  /// - Precondition: as for `Directory.directory`.
  package func outlook(ofEntry entry: [UInt8], handingOver: Bool, by way: inout SocketPath) -> Outlook {
    switch reach(entry: entry, handingOver ? Quota(most: 1) : nil, by: &way) {
    case .connected(let socket, let call, _, _): .served(socket, call)
    case .backlogFull(let socket, _): .backlogFull(socket)
    case .refused(let refusal): .refused(refusal)
    }
  }

  private func reach(entry: [UInt8], _ untaken: Quota<FileIdentity>?, by way: inout SocketPath) -> Reached {
    let failure: Refusal
    do throws(Refusal) {
      return try attempt(entry, untaken, &way)
    } catch {
      failure = error
    }
    guard untaken != nil, failure == .noSocket || failure == .backendRefused(.handoff) else { return .refused(failure) }
    do throws(Refusal) {
      return try attempt(entry, nil, &way)
    } catch .noSocket {
      return .refused(failure)
    } catch {
      return .refused(error)
    }
  }

  /// Connects, a second time where what the entry leads to, or its socket, may have been replaced since it was looked at.
  private func attempt(
    _ entry: [UInt8], _ untaken: Quota<FileIdentity>?, _ way: inout SocketPath
  ) throws(Refusal) -> Reached {
    do throws(Refusal) {
      return try connect(entry, untaken, by: &way)
    } catch .unknownName, .noSocket, .backendRefused {
      return try connect(entry, untaken, by: &way)
    }
  }

  private func connect(
    _ entry: [UInt8], _ untaken: Quota<FileIdentity>?, by way: inout SocketPath
  ) throws(Refusal) -> Reached {
    defer { directory.leave(by: &way) }
    guard let delegation else {
      let host = try lookUp { () throws(Errno) in try directory.directory(entry, by: &way) }
      let call = try call(host, untaken != nil)
      let key = try key(host, call)
      return try join(key, call, untaken) { () throws(Errno) in try Self.connect(host, call, by: way) }
    }
    let looked = try lookUp { () throws(Errno) in
      try delegation.administratorsHost(try directory.status(of: entry)) { () throws(Errno) in
        try directory.link(entry)
      }
    }
    if let looked {
      let host = try lookUp { () throws(Errno) in try directory.directory(entry, by: &way) }
      let status = try lookUp { () throws(Errno) in try host.status }
      if status.identity == looked.identity, delegation.isAdministratorsHost(status),
        let reached = try connect(to: host, status, untaken, delegation, &way)
      {
        return reached
      }
    }
    return try connect(along: Trail(from: directory), to: entry, untaken, delegation, &way)
  }

  /// Connects in a host directory of the administrators; nil if others have, or meanwhile had, a say in the socket.
  ///
  /// One descriptor serves for the flags and the socket, so that both are of one and the same directory.
  private func connect(
    to host: borrowing Directory, _ status: FileStatus, _ untaken: Quota<FileIdentity>?, _ delegation: Delegation,
    _ way: inout SocketPath
  ) throws(Refusal) -> Reached? {
    let call = try call(host, untaken != nil)
    let name = call.socket.name
    let socket = try find(call) { () throws(Errno) in try host.status(of: name) }
    guard socket.kind == .link else {
      let reached = try join(status.identity, call, untaken) { () throws(Errno) in try Self.connect(host, call, by: way)
      }
      let again = try find(call) { () throws(Errno) in try host.status(of: name) }
      guard again.version == socket.version else { return nil }
      return consume reached
    }
    // Where the kernel does not follow the link, the trail may, and knows why if not.
    guard way.isExact, let file = try? host.file(name) else { return nil }
    let end = try find(call) { () throws(Errno) in
      try delegation.administratorsSocket(socket, in: status) { () throws(Errno) in try host.link(name) }
    }
    guard end?.identity == file.status.identity else { return nil }
    return try join(status.identity, call, untaken) { () throws(Errno) in try file.connect(as: call.socket, by: &way) }
  }

  /// Connects where others than administrators may have a say.
  private func connect(
    along trail: consuming Trail, to entry: [UInt8], _ untaken: Quota<FileIdentity>?, _ delegation: Delegation,
    _ way: inout SocketPath
  ) throws(Refusal) -> Reached {
    let host = try lookUp { () throws(Errno) in
      try trail.follow(entry, toDirectory: true)
      return try trail.takeDirectory()
    }
    // The trail goes on from it.
    defer { withExtendedLifetime(host) {} }
    let call = try call(host, untaken != nil)
    let key = try key(host, call)
    try find(call) { () throws(Errno) in try trail.follow(Array("\(call.socket.name)".utf8)) }
    let user = try delegation.onlyUser(trail)
    let file = way.isExact ? trail.status : nil
    guard let user, !delegation.isOwner(user, of: file) else {
      return try join(key, call, untaken) { () throws(Errno) in try trail.connect(as: call.socket, by: &way) }
    }
    // The file is another's, or may be. What else hinders a connection to it is not for the client to know.
    do throws(Refusal) {
      return try join(key, call, untaken) { () throws(Errno) in
        let socket = try trail.connect(as: call.socket, by: &way)
        guard delegation.isListener(user, on: socket) else { throw .permissionDenied }
        return socket
      }
    } catch .hostLimit {
      throw .hostLimit
    } catch {
      throw .socketOfAnother(than: user)
    }
  }

  private static func connect(_ host: borrowing Directory, _ call: Call, by way: SocketPath) throws(Errno) -> Socket {
    try host.connect(to: call.socket.name, as: call.socket, by: way)
  }

  /// Connects, if the host has a place left.
  private func join(
    _ key: FileIdentity?, _ call: Call, _ untaken: Quota<FileIdentity>?, _ connect: () throws(Errno) -> Socket
  ) throws(Refusal) -> Reached {
    // Who waits for a full backlog must not have a place, so none is taken before there is a connection.
    if let quota, let key, quota.isFull(key) { throw .hostLimit }
    let began = monotonicNow()
    var places = Places()
    if case .handoff = call, let untaken, let key {
      places.untaken = untaken.take(key)
      guard places.untaken != nil else { return .backlogFull(.handoff, connectBegan: began) }
    }
    let socket: Socket
    do throws(Errno) {
      socket = try connect()
    } catch .wouldBlock {
      return .backlogFull(call.socket, connectBegan: began)
    } catch {
      throw Self.refusalOfSocket(error, call.socket)
    }
    if let quota, let key {
      places.host = quota.take(key)
      guard places.host != nil else { throw .hostLimit }
    }
    return .connected(socket, call, places, connectBegan: began)
  }

  /// What tells the host from others; nil where its connections are not counted.
  private func key(_ host: borrowing Directory, _ call: Call) throws(Refusal) -> FileIdentity? {
    if case .relay = call, quota == nil { return nil }
    return try lookUp { () throws(Errno) in try host.status }.identity
  }

  /// What the host directory asks for.
  package func call(_ host: borrowing Directory, _ handingOver: Bool) throws(Refusal) -> Call {
    do throws(Errno) {
      if handingOver, try host.contains(BackendSocket.handoff.name) { return .handoff }
      if try host.contains("send-proxy-v2") { return .relay(.version2) }
      return .relay(try host.contains("send-proxy-v1") ? .version1 : nil)
    } catch {
      switch error {
      case .permissionDenied: throw .noPermission
      case _ where error.isShortage: throw .outOfResources(code: error.code)
      default: throw .lookUpFailed(code: error.code)
      }
    }
  }

  private func lookUp<Result: ~Copyable>(_ body: () throws(Errno) -> Result) throws(Refusal) -> Result {
    do throws(Errno) { return try body() } catch { throw Self.refusalOfEntry(error) }
  }

  package static func refusalOfEntry(_ error: Errno) -> Refusal {
    switch error {
    case .noSuchFileOrDirectory, .notDirectory, .nameTooLong: .unknownName
    case .permissionDenied: .noPermission
    case _ where error.isShortage: .outOfResources(code: error.code)
    default: .lookUpFailed(code: error.code)
    }
  }

  private func find<Result: ~Copyable>(_ call: Call, _ body: () throws(Errno) -> Result) throws(Refusal) -> Result {
    do throws(Errno) { return try body() } catch { throw Self.refusalOfSocket(error, call.socket) }
  }

  package static func refusalOfSocket(_ error: Errno, _ socket: BackendSocket) -> Refusal {
    switch error {
    case .noSuchFileOrDirectory, .notDirectory: .noSocket
    case .permissionDenied: .noPermission
    case .connectionRefused: .backendRefused(socket)
    case _ where error.isShortage: .outOfResources(code: error.code)
    default: .backendFailed(socket, code: error.code)
    }
  }
}
