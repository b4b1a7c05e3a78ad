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
    case connected(Socket, ProxyHeader?, Quota<FileIdentity>.Place?, connectBegan: Int64)
    /// The backend's backlog is full. No event tells when that ends.
    case backlogFull(connectBegan: Int64)
    case refused(Refusal)
  }

  /// Connects to the backend of this name as its entry is now.
  func reach(_ name: HostName, by way: inout SocketPath) -> Reached {
    reach(entry: entryName(of: name), by: &way)
  }

  /// What a client who asks for the name of this entry now would meet.
  package enum Outlook: ~Copyable {
    case served(Socket, ProxyHeader?)
    /// The client would wait for the backend's backlog.
    case backlogFull
    case refused(Refusal)
  }

  /// Reaches the entry's backend as for a client.
  ///
  /// - Precondition: as for `Directory.directory`.
  package func outlook(ofEntry entry: [UInt8], by way: inout SocketPath) -> Outlook {
    switch reach(entry: entry, by: &way) {
    case .connected(let socket, let header, _, _): .served(socket, header)
    case .backlogFull: .backlogFull
    case .refused(let refusal): .refused(refusal)
    }
  }

  private func reach(entry: [UInt8], by way: inout SocketPath) -> Reached {
    do throws(Refusal) {
      return try connect(entry, by: &way)
    } catch .unknownName, .noSocket, .backendRefused {
      // What the entry leads to, or its socket, may have been replaced since the entry was looked at.
      do throws(Refusal) { return try connect(entry, by: &way) } catch { return .refused(error) }
    } catch {
      return .refused(error)
    }
  }

  private func connect(_ entry: [UInt8], by way: inout SocketPath) throws(Refusal) -> Reached {
    defer { directory.leave(by: &way) }
    guard let delegation else {
      let host = try lookUp { () throws(Errno) in try directory.directory(entry, by: &way) }
      let key = try key(host)
      let header = try proxyHeader(host)
      return try join(key, header) { () throws(Errno) in try host.connect(to: Self.socketName, by: way) }
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
        let reached = try connect(to: host, status, delegation, &way)
      {
        return reached
      }
    }
    return try connect(along: Trail(from: directory), to: entry, delegation, &way)
  }

  /// Connects in a host directory of the administrators; nil if others have, or meanwhile had, a say in the socket.
  ///
  /// One descriptor serves for the flags and the socket, so that both are of one and the same directory.
  private func connect(
    to host: borrowing Directory, _ status: FileStatus, _ delegation: Delegation, _ way: inout SocketPath
  ) throws(Refusal) -> Reached? {
    let header = try proxyHeader(host)
    let socket = try find { () throws(Errno) in try host.status(of: Self.socketName) }
    guard socket.kind == .link else {
      let reached = try join(status.identity, header) { () throws(Errno) in
        try host.connect(to: Self.socketName, by: way)
      }
      let again = try find { () throws(Errno) in try host.status(of: Self.socketName) }
      guard again.version == socket.version else { return nil }
      return consume reached
    }
    // Where the kernel does not follow the link, the trail may, and knows why if not.
    guard way.isExact, let file = try? host.file(Self.socketName) else { return nil }
    let end = try find { () throws(Errno) in
      try delegation.administratorsSocket(socket, in: status) { () throws(Errno) in try host.link(Self.socketName) }
    }
    guard end?.identity == file.status.identity else { return nil }
    return try join(status.identity, header) { () throws(Errno) in try file.connect(by: &way) }
  }

  /// Connects where others than administrators may have a say.
  private func connect(
    along trail: consuming Trail, to entry: [UInt8], _ delegation: Delegation, _ way: inout SocketPath
  ) throws(Refusal) -> Reached {
    let host = try lookUp { () throws(Errno) in
      try trail.follow(entry, toDirectory: true)
      return try trail.takeDirectory()
    }
    // The trail goes on from it.
    defer { withExtendedLifetime(host) {} }
    let key = try key(host)
    let header = try proxyHeader(host)
    try find { () throws(Errno) in try trail.follow(Array("\(Self.socketName)".utf8)) }
    let user = try delegation.onlyUser(trail)
    let file = way.isExact ? trail.status : nil
    guard let user, !delegation.isOwner(user, of: file) else {
      return try join(key, header) { () throws(Errno) in try trail.connect(by: &way) }
    }
    // The file is another's, or may be. What else hinders a connection to it is not for the client to know.
    do throws(Refusal) {
      return try join(key, header) { () throws(Errno) in
        let socket = try trail.connect(by: &way)
        guard delegation.isListener(user, on: socket) else { throw .permissionDenied }
        return socket
      }
    } catch .hostLimit {
      throw .hostLimit
    } catch {
      throw .socketOfAnother(than: user)
    }
  }

  /// Connects, if the host has a place left.
  private func join(
    _ key: FileIdentity?, _ header: ProxyHeader?, _ connect: () throws(Errno) -> Socket
  ) throws(Refusal) -> Reached {
    // Who waits for a full backlog must not have a place, so none is taken before there is a connection.
    if let quota, let key, quota.isFull(key) { throw .hostLimit }
    let began = monotonicNow()
    let socket: Socket
    do throws(Errno) {
      socket = try connect()
    } catch .wouldBlock {
      return .backlogFull(connectBegan: began)
    } catch {
      throw Self.refusalOfSocket(error)
    }
    guard let quota, let key else { return .connected(socket, header, nil, connectBegan: began) }
    guard let place = quota.take(key) else { throw .hostLimit }
    return .connected(socket, header, place, connectBegan: began)
  }

  /// What tells the host from others; nil where its connections are not counted.
  private func key(_ host: borrowing Directory) throws(Refusal) -> FileIdentity? {
    guard quota != nil else { return nil }
    return try lookUp { () throws(Errno) in try host.status }.identity
  }

  package func proxyHeader(_ host: borrowing Directory) throws(Refusal) -> ProxyHeader? {
    do throws(Errno) {
      if try host.contains("send-proxy-v2") { return .version2 }
      return try host.contains("send-proxy-v1") ? .version1 : nil
    } catch .permissionDenied {
      throw .noPermission
    } catch {
      throw .lookUpFailed(code: error.code)
    }
  }

  private func lookUp<Result: ~Copyable>(_ body: () throws(Errno) -> Result) throws(Refusal) -> Result {
    do throws(Errno) { return try body() } catch { throw Self.refusalOfEntry(error) }
  }

  package static func refusalOfEntry(_ error: Errno) -> Refusal {
    switch error {
    case .noSuchFileOrDirectory, .notDirectory, .nameTooLong: .unknownName
    case .permissionDenied: .noPermission
    default: .lookUpFailed(code: error.code)
    }
  }

  private func find<Result: ~Copyable>(_ body: () throws(Errno) -> Result) throws(Refusal) -> Result {
    do throws(Errno) { return try body() } catch { throw Self.refusalOfSocket(error) }
  }

  package static func refusalOfSocket(_ error: Errno) -> Refusal {
    switch error {
    case .noSuchFileOrDirectory, .notDirectory: .noSocket
    case .permissionDenied: .noPermission
    case .connectionRefused: .backendRefused
    default: .backendFailed(code: error.code)
    }
  }

  package static let socketName: StaticString = "tls-socket"
}
