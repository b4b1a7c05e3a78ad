package import Kernel
import Wire

/// The directory whose entries are the routes. It is opened once; below it nothing is remembered from one connection to
/// the next.
package final class HostsDirectory: Sendable {
  private let directory: Directory
  private let hashed: Bool

  package init(path: String, hashed: Bool) throws(Errno) {
    directory = try Directory(path: path)
    self.hashed = hashed
  }

  /// What came of an attempt to reach a host's backend.
  enum Reached: ~Copyable {
    case connected(Socket, ProxyHeader?)
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

  /// One descriptor serves for the flags and the socket, so that both are of one and the same directory.
  private func connect(_ entry: [UInt8], by way: inout SocketPath) throws(Refusal) -> Reached {
    let host = try open(entry, by: &way)
    defer { directory.leave(by: &way) }
    let header = try proxyHeader(host)
    do throws(Errno) {
      return .connected(try host.connect(to: "tls-socket", by: way), header)
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

  private func open(_ entry: [UInt8], by way: inout SocketPath) throws(Refusal) -> Directory {
    do throws(Errno) {
      return try directory.directory(entry, by: &way)
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
