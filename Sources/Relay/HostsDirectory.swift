package import Kernel
import Wire

/// The directory whose entries are the routes. It is opened once; below it nothing is remembered from one connection to
/// the next.
package final class HostsDirectory: Sendable {
  private let directory: Directory
  private let hashed: Bool
  /// nil where anybody may lead a name to any socket.
  private let delegation: Delegation?
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

  /// What came of an attempt to reach a host's backend.
  enum Reached: ~Copyable {
    case connected(Socket, ProxyHeader?, Quota<FileIdentity>.Place?)
    /// The backend's backlog is full. No event tells when that ends.
    case backlogFull
    case refused(Refusal)
  }

  /// Connects to the backend of this name as its entry is now.
  func reach(_ name: HostName, by way: inout SocketPath) -> Reached {
    let entry = name.entryName(hashed: hashed)
    do throws(Refusal) {
      return try connect(entry, by: &way)
    } catch .noSocket, .backendRefused {
      // The entry, or its socket, may have been replaced since the entry was opened.
      do throws(Refusal) { return try connect(entry, by: &way) } catch { return .refused(error) }
    } catch {
      return .refused(error)
    }
  }

  private func connect(_ entry: [UInt8], by way: inout SocketPath) throws(Refusal) -> Reached {
    defer { directory.leave(by: &way) }
    guard let delegation else {
      return try connect(to: open(entry, by: &way), &way)
    }
    if let status = try administratorsHost(entry, delegation) {
      let host = try open(entry, by: &way)
      if try isAdministratorsSocket(host, status, delegation) { return try connect(to: host, &way) }
    }
    return try connect(along: Trail(from: directory), to: entry, delegation, &way)
  }

  /// One descriptor serves for the flags and the socket, so that both are of one and the same directory.
  private func connect(to host: consuming Directory, _ way: inout SocketPath) throws(Refusal) -> Reached {
    let header = try proxyHeader(host)
    let place = try takePlace(host)
    do throws(Errno) {
      return .connected(try host.connect(to: Self.socketName, by: way), header, place)
    } catch .wouldBlock {
      return .backlogFull
    } catch {
      throw Self.connectRefusal(error)
    }
  }

  /// The same where others than administrators may have a say.
  private func connect(
    along trail: consuming Trail, to entry: [UInt8], _ delegation: Delegation, _ way: inout SocketPath
  ) throws(Refusal) -> Reached {
    let host: Directory
    do throws(Errno) {
      try trail.follow(entry)
      host = try trail.takeDirectory()
    } catch {
      throw Self.lookUpRefusal(error)
    }
    let header = try proxyHeader(host)
    let place = try takePlace(host)
    do throws(Errno) { try trail.follow(Array("\(Self.socketName)".utf8)) } catch { throw Self.connectRefusal(error) }
    let user = try delegation.onlyUser(trail)
    do throws(Errno) {
      let socket = try trail.connect(by: &way)
      if let user, !delegation.belongs(socket, file: way.isExact ? trail.status : nil, to: user) {
        return .refused(.socketOfAnother(than: user))
      }
      return .connected(socket, header, place)
    } catch .wouldBlock {
      return .backlogFull
    } catch {
      throw Self.connectRefusal(error)
    }
  }

  private func administratorsHost(_ entry: [UInt8], _ delegation: Delegation) throws(Refusal) -> FileStatus? {
    do throws(Errno) {
      return try delegation.administratorsHost(try directory.status(of: entry)) { () throws(Errno) in
        try directory.link(entry)
      }
    } catch {
      throw Self.lookUpRefusal(error)
    }
  }

  private func open(_ entry: [UInt8], by way: inout SocketPath) throws(Refusal) -> Directory {
    do throws(Errno) { return try directory.directory(entry, by: &way) } catch { throw Self.lookUpRefusal(error) }
  }

  private func isAdministratorsSocket(
    _ host: borrowing Directory, _ status: FileStatus, _ delegation: Delegation
  ) throws(Refusal) -> Bool {
    do throws(Errno) {
      return try delegation.isAdministrators(try host.status(of: Self.socketName), in: status) { () throws(Errno) in
        try host.link(Self.socketName)
      }
    } catch {
      throw Self.connectRefusal(error)
    }
  }

  private func proxyHeader(_ host: borrowing Directory) throws(Refusal) -> ProxyHeader? {
    do throws(Errno) {
      if try host.contains("send-proxy-v2") { return .version2 }
      return try host.contains("send-proxy-v1") ? .version1 : nil
    } catch .permissionDenied {
      throw .noPermission
    } catch {
      throw .lookUpFailed(code: error.code)
    }
  }

  private func takePlace(_ host: borrowing Directory) throws(Refusal) -> Quota<FileIdentity>.Place? {
    guard let quota else { return nil }
    let status: FileStatus
    do throws(Errno) { status = try host.status } catch { throw Self.lookUpRefusal(error) }
    guard let place = quota.take(status.identity) else { throw .hostLimit }
    return place
  }

  private static func lookUpRefusal(_ error: Errno) -> Refusal {
    switch error {
    case .noSuchFileOrDirectory, .notDirectory, .nameTooLong: .unknownName
    case .permissionDenied: .noPermission
    default: .lookUpFailed(code: error.code)
    }
  }

  private static func connectRefusal(_ error: Errno) -> Refusal {
    switch error {
    case .noSuchFileOrDirectory, .notDirectory: .noSocket
    case .permissionDenied: .noPermission
    case .connectionRefused: .backendRefused
    default: .backendFailed(code: error.code)
    }
  }

  private static let socketName: StaticString = "tls-socket"
}
