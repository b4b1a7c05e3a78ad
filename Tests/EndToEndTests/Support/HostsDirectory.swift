import Foundation

/// A hosts directory with its entries. Backends listen in the entries' directories.
struct HostsDirectory {
  let path: String

  init() throws { path = try Scratch.current.directory("hosts") }

  init(path: String) { self.path = path }

  /// Makes the entry, a directory.
  @discardableResult
  func add(_ name: String, flags: Flag...) throws -> Entry {
    let entry = Entry(path: "\(path)/\(name)")
    try FileManager.default.createDirectory(atPath: entry.path, withIntermediateDirectories: false)
    for flag in flags { try entry.add(flag) }
    return entry
  }

  /// Makes the entry, with a raw backend that listens in it.
  func addBackend(_ name: String, flags: Flag..., backlog: Int32 = 128) throws -> Listener {
    let entry = try add(name)
    for flag in flags { try entry.add(flag) }
    return try Listener(in: entry.path, backlog: backlog)
  }

  enum Flag: String, CaseIterable {
    case v1 = "send-proxy-v1"
    case v2 = "send-proxy-v2"
  }

  struct Entry {
    let path: String

    var socket: String { "\(path)/tls-socket" }

    func add(_ flag: Flag) throws {
      guard FileManager.default.createFile(atPath: "\(path)/\(flag.rawValue)", contents: nil) else {
        throw Failure("cannot make \(flag.rawValue) in \(path)")
      }
    }
  }
}

/// Makes a symbolic link.
func link(_ path: String, to destination: String) throws {
  try FileManager.default.createSymbolicLink(atPath: path, withDestinationPath: destination)
}
