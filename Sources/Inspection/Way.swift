package import Kernel

/// The way from an entry to its socket, step by step, as the proxy's own look-up took it.
package struct Way {
  package struct Stop {
    package enum Kind: Equatable {
      case directory
      /// With what it says; nil for a link of the kernel's in /proc.
      case link([UInt8]?)
      case file
    }

    /// As a person would type it.
    package let path: [UInt8]
    package let kind: Kind
    package let status: FileStatus
    /// True if this process may search the directory, or write to the file.
    package let isPermitted: Bool
    package let list: AccessList?
    /// Of what its path names.
    let replacers: Replacers
  }

  package internal(set) var stops: [Stop] = []
  /// Where it ended too early.
  package internal(set) var lost: (path: [UInt8], error: Errno)?
  /// True if it left the hosts directory's tree, on which the proxy could not follow it in a chroot there.
  package internal(set) var leavesTree = false
  /// True if everybody may search all directories down to the file at the end.
  package internal(set) var isOpenToOthers = false

  /// True if its last link says that a directory is at its end.
  var endsWithSlash: Bool {
    for stop in stops.reversed() { if case .link(let text?) = stop.kind { return text.last == UInt8(ascii: "/") } }
    return false
  }

  /// The host directory, once it was reached.
  package internal(set) var host: Stop?
  /// What was reached at the end.
  package internal(set) var end: Stop?
}

/// Writes a trail down.
final class WayRecorder {
  private(set) var way = Way()
  /// The path of the directory that was reached.
  private var place: [UInt8]
  /// How many directories below the start, or below the root.
  private var depth = 0
  private var isBelowRoot = false
  /// For the directory that was reached and each one above it: whether others may search it.
  private var areOpen: [Bool]
  /// The same directories from the start or the root on, each with who can replace it.
  private var steps: [(status: FileStatus, replacers: Replacers)]

  /// - Parameters:
  ///   - path: of the hosts directory.
  ///   - areOpen: whether others may search each directory above it, and it, which comes last.
  ///   - status: of the hosts directory.
  ///   - replacers: of its path.
  init(from path: [UInt8], areOpen: [Bool], _ status: FileStatus, _ replacers: Replacers) {
    place = path
    self.areOpen = areOpen
    steps = [(status, replacers)]
  }

  func note(_ step: Trail.Step) {
    switch step {
    case .root(let status, let isSearched, let list):
      place = [Self.slash]
      (depth, isBelowRoot, way.leavesTree) = (0, true, true)
      areOpen = [status.isGrantedToOthers(.search)]
      steps = [(status, Replacers())]
      add(place, .directory, status, isSearched, list, Replacers())
    case .directory(let name, let status, let isSearched, let list):
      enter(name, status)
      add(place, .directory, status, isSearched, list, steps.last!.replacers)
    case .link(let name, let status, let text):
      if text == nil { way.leavesTree = true }
      add(path(to: name), .link(text), status, true, nil, replacers(of: status))
    case .file(let name, let status, let isWritten, let list):
      add(path(to: name), .file, status, isWritten, list, replacers(of: status))
      way.isOpenToOthers = areOpen.allSatisfy { $0 }
    case .lost(let name, let error):
      way.lost = (path(to: name), error)
    }
  }

  func reachedHost() { way.host = way.end }

  private func enter(_ name: [UInt8], _ status: FileStatus) {
    guard name == Self.parent else {
      steps.append((status, replacers(of: status)))
      place = path(to: name)
      depth += 1
      areOpen.append(status.isGrantedToOthers(.search))
      return
    }
    if areOpen.count > 1 { areOpen.removeLast() }
    if depth > 0 {
      depth -= 1
      steps.removeLast()
      let cut = place.lastIndex(of: Self.slash)
      place = Array(place[..<(cut ?? 0)])
      if cut == 0 { place = [Self.slash] }
    } else if !isBelowRoot {
      way.leavesTree = true
      place = path(to: name)
      // Where this leads nobody can change.
      steps = [(status, steps[0].replacers)]
    }
  }

  /// Of a step from the directory that was reached.
  private func replacers(of status: FileStatus) -> Replacers {
    steps.last!.replacers.adding(status, in: steps.last!.status)
  }

  private func add(
    _ path: [UInt8], _ kind: Way.Stop.Kind, _ status: FileStatus, _ isPermitted: Bool, _ list: AccessList?,
    _ replacers: Replacers
  ) {
    let stop = Way.Stop(
      path: path, kind: kind, status: status, isPermitted: isPermitted, list: list, replacers: replacers)
    way.stops.append(stop)
    way.end = stop
  }

  private func path(to name: [UInt8]) -> [UInt8] { join(place, name) }

  private static let slash = UInt8(ascii: "/")
  private static let parent = Array("..".utf8)
}

/// The path of a file in a directory, of which an empty path is the working directory's.
func join(_ directory: [UInt8], _ name: [UInt8]) -> [UInt8] {
  if directory.isEmpty { return name }
  if directory.last == UInt8(ascii: "/") { return directory + name }
  return directory + [UInt8(ascii: "/")] + name
}
