package import Kernel
import Wire

/// The directory whose entries are the routes. It is opened once; below it nothing is remembered from one connection to
/// the next.
package final class HostsDirectory: Sendable {
  private let directory: Directory
  private let socketPath: SocketPath
  private let hashed: Bool

  package init(path: String, hashed: Bool) throws(Errno) {
    directory = try Directory(path: path)
    socketPath = .available
    self.hashed = hashed
  }

  /// What came of an attempt to reach a host's backend.
  enum Reached: ~Copyable {
    case connected(Socket, ProxyHeader?)
    /// The backend's backlog is full. No event tells when that ends.
    case backlogFull
    case refused(Refusal)
  }

  func prepareThread() throws(Errno) { try socketPath.prepareThread() }

  /// Connects to the backend of this name as its entry is now.
  func reach(_ name: HostName) -> Reached {
    let entry = name.entryName(hashed: hashed)
    do throws(Refusal) {
      return try connect(entry)
    } catch .noSocket, .backendRefused {
      // The entry, or its socket, may have been replaced since the entry was opened.
      do throws(Refusal) { return try connect(entry) } catch { return .refused(error) }
    } catch {
      return .refused(error)
    }
  }

  /// One descriptor serves for the flags and the socket, so that both are of one and the same directory.
  private func connect(_ entry: [UInt8]) throws(Refusal) -> Reached {
    let host = try open(entry)
    defer { directory.leave(by: socketPath) }
    let header = try proxyHeader(host)
    do throws(Errno) {
      return .connected(try host.connect(to: "tls-socket", by: socketPath), header)
    } catch .wouldBlock {
      return .backlogFull
    } catch .noSuchFileOrDirectory, .notDirectory {
      throw .noSocket
    } catch .permissionDenied {
      throw .noPermission
    } catch .connectionRefused {
      throw .backendRefused
    } catch {
      throw .backendFailed(code: error.code)
    }
  }

  private func open(_ entry: [UInt8]) throws(Refusal) -> Directory {
    do throws(Errno) {
      return try directory.directory(entry, by: socketPath)
    } catch .noSuchFileOrDirectory, .notDirectory, .nameTooLong {
      throw .unknownName
    } catch .permissionDenied {
      throw .noPermission
    } catch {
      throw .lookUpFailed(code: error.code)
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
}
