import CLinux
import Glibc
package import Wire

/// A path that is followed step by step, through links too, with all who own what it leads through.
///
/// Each step is opened (`O_PATH`) before it is looked at. So what was looked at is what is used, whatever changes
/// meanwhile.
package struct Trail: ~Copyable {
  /// The owners of the links and directories so far, the first directory left out.
  package private(set) var owners: [UserID] = []
  /// True if one of these directories lets anybody replace what is another's.
  package private(set) var isOpenToAll = false

  /// Where the trail begins. Its owner keeps it open.
  private var beginning: Int32
  private var end = Descriptor(owning: -1)
  /// What was reached; nil at the beginning.
  package private(set) var status: FileStatus?
  /// The directory that holds a file at the end, and the file's name in it.
  private var parent = Descriptor(owning: -1)
  private var name: [UInt8] = []
  private var linksLeft = Self.mostLinks
  private var stepsLeft = Self.mostSteps
  /// Hears of each step, for who explains the way.
  package var observer: ((Step) -> Void)?

  /// What is met on the way, with the step's name.
  package enum Step {
    /// An absolute link starts anew there.
    case root(FileStatus, mayBeSearched: Bool, AccessList?)
    case directory([UInt8], FileStatus, mayBeSearched: Bool, AccessList?)
    /// The text of a link of the kernel's is nil: it stands for a file.
    case link([UInt8], FileStatus, text: [UInt8]?)
    case file([UInt8], FileStatus, mayBeWritten: Bool, AccessList?)
    /// Here it ended too early.
    case lost([UInt8], Errno)
  }

  /// - Precondition: the directory stays open for as long as the trail is used.
  package init(from directory: borrowing Directory) { beginning = directory.number }

  private var place: Int32 { end.number >= 0 ? end.number : beginning }

  /// Goes on from the directory that was reached to a file of this path, a link's end if it is one.
  ///
  /// The corresponding C functions are `openat` with `O_PATH`, `fstat` and `readlinkat`.
  ///
  /// - Parameter toDirectory: the file is to be a directory.
  /// - Throws: `.tooManyLinks` also where the way has more than 255 steps.
  package mutating func follow(_ path: [UInt8], toDirectory: Bool = false) throws(Errno) {
    var steps = Self.steps(path)
    while let step = steps.popLast() {
      if step == Self.dot { continue }
      do throws(Errno) {
        try take(step, &steps, toDirectory)
      } catch {
        observer?(.lost(step, error))
        throw error
      }
    }
  }

  private mutating func take(_ step: [UInt8], _ steps: inout [[UInt8]], _ toDirectory: Bool) throws(Errno) {
    stepsLeft -= 1
    guard stepsLeft >= 0 else { throw .tooManyLinks }
    let next = try open(step, isDirectory: toDirectory || !steps.isEmpty)
    let status = try FileStatus(of: next.number)
    switch status.kind {
    case .directory:
      enter(next, status, step)
    case .link:
      owners.append(status.owner)
      linksLeft -= 1
      guard linksLeft >= 0 else { throw .tooManyLinks }
      if try Self.isOfKernel(next) {
        observer?(.link(step, status, text: nil))
        let target = try open(step, flags: O_PATH)
        let status = try FileStatus(of: target.number)
        if status.kind == .directory { enter(target, status, step) } else { try finish(target, status, step, steps) }
      } else {
        let target = try Self.target(next)
        observer?(.link(step, status, text: target))
        if target.first == Self.slash {
          let root = Descriptor(owning: try call { unsafe linux_openat(AT_FDCWD, "/", O_PATH | O_DIRECTORY) })
          let status = try FileStatus(of: root.number)
          enter(root, status, nil)
        }
        steps += Self.steps(target)
      }
    case .socket, .other:
      try finish(next, status, step, steps)
    }
  }

  /// - Parameter step: its name; nil for the root directory.
  private mutating func enter(_ directory: consuming Descriptor, _ status: FileStatus, _ step: [UInt8]?) {
    if let observer {
      let isSearched = mayAccess(directory.number, .search)
      let list = AccessList(of: directory.number)
      observer(
        step.map { .directory($0, status, mayBeSearched: isSearched, list) }
          ?? .root(status, mayBeSearched: isSearched, list))
    }
    owners.append(status.owner)
    if status.isOpenToAll { isOpenToAll = true }
    end = directory
    self.status = status
  }

  private mutating func finish(
    _ file: consuming Descriptor, _ status: FileStatus, _ name: [UInt8], _ rest: [[UInt8]]
  ) throws(Errno) {
    observer?(.file(name, status, mayBeWritten: mayAccess(file.number, .write), AccessList(of: file.number)))
    guard rest.isEmpty else { throw .notDirectory }
    self.status = status
    swap(&end, &file)
    parent = file
    self.name = name
  }

  /// As a directory where it is to be one, so that the kernel mounts what it mounts on demand.
  private func open(_ step: [UInt8], isDirectory: Bool) throws(Errno) -> Descriptor {
    if isDirectory {
      do throws(Errno) { return try open(step, flags: O_PATH | O_NOFOLLOW | O_DIRECTORY) } catch .notDirectory {}
    }
    return try open(step, flags: O_PATH | O_NOFOLLOW)
  }

  private func open(_ step: [UInt8], flags: Int32) throws(Errno) -> Descriptor {
    let place = place
    return Descriptor(
      owning: try call {
        unsafe (step + [0]).withUnsafeBytes {
          unsafe linux_openat(place, $0.baseAddress!.assumingMemoryBound(to: CChar.self), flags)
        }
      })
  }

  /// A link in /proc such as `/proc/PID/root`, which stands for a file and not for its text (proc(5)).
  private static func isOfKernel(_ link: borrowing Descriptor) throws(Errno) -> Bool {
    let number = link.number
    var status = statfs()
    try call { unsafe fstatfs(number, &status) }
    return status.f_type == linux_PROC_SUPER_MAGIC
  }

  private static func target(_ link: borrowing Descriptor) throws(Errno) -> [UInt8] {
    let number = link.number
    return try unsafe [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { target, count throws(Errno) in
      count = try call {
        unsafe target.withMemoryRebound(to: CChar.self) { unsafe readlinkat(number, "", $0.baseAddress!, $0.count) }
      }
    }
  }

  /// The names in a path, the first one last.
  private static func steps(_ path: [UInt8]) -> [[UInt8]] {
    path.split(separator: slash).reversed().map(Array.init)
  }

  // MARK: - At the end

  /// True if this process may write to what was reached.
  package var mayBeWritten: Bool { mayAccess(place, .write) }

  /// Gives away the directory that was reached. The trail goes on from there.
  package mutating func takeDirectory() throws(Errno) -> Directory {
    guard status?.kind == .directory else { throw .notDirectory }
    var directory = Descriptor(owning: -1)
    swap(&directory, &end)
    beginning = directory.number
    linksLeft = Self.mostLinks
    stepsLeft = Self.mostSteps
    return Directory(directory)
  }

  /// A connection to the Unix socket that was reached: to this very one by way of /proc, and without /proc to whatever has its
  /// name by then (see `SocketPath.isExact`).
  ///
  /// The corresponding C functions are `socket` and `connect`.
  ///
  /// - Throws: `.wouldBlock` when the backlog is full, which no event will tell the end of.
  package func connect(as type: BackendSocket, by way: inout SocketPath) throws(Errno) -> Socket {
    if way.isExact { return try way.connect(toDescriptor: end.number, as: type) }
    guard let address = SocketAddress(path: name) else { throw .nameTooLong }
    let socket = try Socket.unix(type)
    try way.stand(in: parent.number >= 0 ? parent.number : beginning)
    way.standsElsewhere()
    try socket.connect(to: address)
    return socket
  }

  /// As many as the kernel follows (path_resolution(7)).
  private static let mostLinks = 40
  /// Far more than a path of people's has: it costs three calls each.
  private static let mostSteps = 255
  private static let slash = UInt8(ascii: "/")
  private static let dot = [UInt8(ascii: ".")]
}
