import Foundation
import Load

/// The hosts directory of the run, and what happens to it meanwhile: entries and links that are turned over, taken away
/// and put back, each in one moment, with rename(2).
final class Hosts: Sendable {
  let path: String
  private let scratch: String

  init(in scratch: String) throws(Failure) {
    self.scratch = scratch
    path = "\(scratch)/hosts"
    try make(path)
    for name in [Name.plain, Name.version1, Name.version2, Name.relinked, Name.mortal, Name.flickering, Name.full] {
      try make("\(path)/\(name)")
    }
    for side in Self.sides { try make("\(scratch)/swap-\(side)") }
    try touch("\(path)/\(Name.version1)/send-proxy-v1")
    try touch("\(path)/\(Name.version2)/send-proxy-v2")
    try touch("\(scratch)/swap-green/send-proxy-v2")
    try turn(Name.swapped, to: "\(scratch)/swap-blue")
    try turn("\(Name.relinked)/tls-socket", to: "\(scratch)/relink-blue")
    try turn("\(Name.flickering)/tls-socket", to: socket(of: Name.plain))
    try turn("\(Name.mortal)/tls-socket", to: "\(scratch)/mortal")
  }

  func socket(of name: String) -> String { "\(path)/\(name)/tls-socket" }

  /// The backends' sockets, with the name and the header of each.
  var backends: [(socket: String, name: String, header: BackendCommand.Header)] {
    [
      (socket(of: Name.plain), Name.plain, .none), (socket(of: Name.version1), Name.version1, .v1),
      (socket(of: Name.version2), Name.version2, .v2), ("\(scratch)/swap-blue/tls-socket", Name.swapped, .none),
      ("\(scratch)/swap-green/tls-socket", Name.swapped, .v2), ("\(scratch)/relink-blue", Name.relinked, .none),
      ("\(scratch)/relink-green", Name.relinked, .none),
    ]
  }

  var mortal: (socket: String, name: String, header: BackendCommand.Header) {
    ("\(scratch)/mortal", Name.mortal, .none)
  }

  /// Turns everything over, again and again, until the gate says that it is over.
  func startUpheaval(_ world: World) -> DispatchGroup {
    running { [self] in
      var side = 0
      while world.gate.enter() {
        do throws(Failure) {
          side = 1 - side
          try turn(Name.swapped, to: "\(scratch)/swap-\(Self.sides[side])")
          try turn("\(Name.relinked)/tls-socket", to: "\(scratch)/relink-\(Self.sides[side])")
          try move("\(path)/\(Name.flickering)", to: "\(path)/.away")
          usleep(1_000)
          try move("\(path)/.away", to: "\(path)/\(Name.flickering)")
          world.tally.finish("upheaval")
        } catch {
          world.tally.fail("\(error)")
        }
        world.gate.leave()
        usleep(15_000)
      }
    }
  }

  /// Makes the entry a link to this, in one moment.
  private func turn(_ entry: String, to destination: String) throws(Failure) {
    let new = "\(scratch)/link"
    guard symlink(destination, new) == 0 else { throw Failure("symlink \(new): \(String(cString: strerror(errno)))") }
    try move(new, to: "\(path)/\(entry)")
  }

  private func move(_ old: String, to new: String) throws(Failure) {
    guard rename(old, new) == 0 else { throw Failure("rename \(old) \(new): \(String(cString: strerror(errno)))") }
  }

  private func make(_ directory: String) throws(Failure) {
    guard mkdir(directory, 0o755) == 0 else {
      throw Failure("mkdir \(directory): \(String(cString: strerror(errno)))")
    }
  }

  private func touch(_ file: String) throws(Failure) {
    guard FileManager.default.createFile(atPath: file, contents: nil) else { throw Failure("cannot make \(file)") }
  }

  private static let sides = ["blue", "green"]
}
