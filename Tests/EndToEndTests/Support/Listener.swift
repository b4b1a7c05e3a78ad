import Foundation

/// A listening socket of the test's own: a raw backend, or a socket to pass to sniproxy.
final class Listener: @unchecked Sendable {
  let address: Address
  private(set) var descriptor: Int32

  init(_ wanted: Address, backlog: Int32 = 128) throws {
    descriptor = socket(wanted.family, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard descriptor >= 0 else { throw Failure("no socket: \(lastError)") }
    var on: Int32 = 1
    _ = unsafe setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, socklen_t(MemoryLayout<Int32>.size))
    let result = try wanted.bind(descriptor)
    guard result == 0, listen(descriptor, backlog) == 0 else {
      let failure = Failure("cannot listen on \(wanted): \(lastError)")
      Glibc.close(descriptor)
      throw failure
    }
    address =
      switch wanted {
      case .ip4: .ip4(try localPort(descriptor))
      case .ip6: .ip6(try localPort(descriptor))
      case .unix: wanted
      }
    Scratch.current.atEnd { self.close() }
  }

  /// Listens at `tls-socket` in the directory, however long the directory's path is.
  convenience init(in directory: String, backlog: Int32 = 128) throws {
    let opened = unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard opened >= 0 else { throw Failure("cannot open \(directory): \(lastError)") }
    defer { Glibc.close(opened) }
    try self.init(.unix("/proc/self/fd/\(opened)/tls-socket"), backlog: backlog)
  }

  /// The next connection.
  func accept() throws -> Connection {
    guard let connection = try acceptIfAny(within: patience) else {
      throw Failure("waited \(patience) s in vain for a connection to \(address)")
    }
    return connection
  }

  /// The next connection, if one comes in time.
  func acceptIfAny(within seconds: Double = 0) throws -> Connection? {
    guard let connection = try acceptUnattended(within: seconds) else { return nil }
    Scratch.current.atEnd { connection.close() }
    return connection
  }

  /// The next connection, if one comes in time, which the caller closes.
  func acceptUnattended(within seconds: Double) throws -> Connection? {
    var entry = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
    let alarm = Alarm(in: seconds)
    repeat {
      if unsafe poll(&entry, 1, alarm.milliseconds) > 0 {
        let accepted = Glibc.accept(descriptor, nil, nil)
        guard accepted >= 0 else { throw Failure("cannot accept from \(address): \(lastError)") }
        _ = fcntl(accepted, F_SETFD, FD_CLOEXEC)
        return Connection(owning: accepted)
      }
    } while alarm.remaining > 0
    return nil
  }

  func close() {
    guard descriptor >= 0 else { return }
    Glibc.close(descriptor)
    descriptor = -1
  }
}
