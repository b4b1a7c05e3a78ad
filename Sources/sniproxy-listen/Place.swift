import ArgumentParser
import CLinux
import Glibc
import Kernel
import Wire

/// A port, and a directory whose `tls-handoff` takes its place.
struct Place {
  /// As it was written.
  let directory: String
  let port: UInt16

  /// `DIR` or `DIR:PORT`. What follows the last colon is a port if it is a number.
  init(argument: String) throws {
    guard let colon = argument.lastIndex(of: ":"), case let digits = argument[argument.index(after: colon)...],
      !digits.isEmpty, digits.allSatisfy({ ("0"..."9").contains($0) })
    else {
      guard !argument.isEmpty else { throw ValidationError("a directory has a name") }
      (directory, port) = (argument, 443)
      return
    }
    guard let port = UInt16(digits), port > 0 else { throw ValidationError("a port is a number from 1 to 65535") }
    guard colon > argument.startIndex else { throw ValidationError("a port follows a directory: DIR:\(port)") }
    (directory, self.port) = (String(argument[..<colon]), port)
  }

  /// For `SNIPROXY_HANDOFF`: with the whole path, since the server may go elsewhere.
  var setting: String {
    get throws(Failure) {
      var path = directory
      if !directory.hasPrefix("/") {
        guard let here = Environment.workingDirectory else {
          throw .refused(
            "cannot listen on port \(port)", directory, "the working directory is gone, or its path is not UTF-8",
            "name the directory, or a symbolic link to it, with its whole path")
        }
        path = "\(here)/\(directory)"
      }
      let escaped = path.map { "\\,\n".contains($0) ? "\\\($0)" : String($0) }.joined()
      return "\(port)=\(escaped)"
    }
  }

  static func checkAll(_ places: [Place]) throws(Failure) {
    guard places.count <= most else { throw .usage("\(places.count) directories: give at most \(most)") }
    var checked: [(place: Place, identity: FileIdentity, mount: UInt64)] = []
    for place in places {
      try place.check()
      let (identity, mount) = try attempt("look at", place.directory, "see that the directory is still there") {
        () throws(Errno) in (try Directory(path: place.directory).status.identity, try place.mount)
      }
      func refuse(_ why: String, _ advice: String) -> Failure {
        .refused("cannot listen on port \(place.port)", place.directory, why, advice)
      }
      if let other = checked.first(where: { $0.identity == identity && $0.place.port != place.port }) {
        throw refuse(
          "it is for port \(other.place.port) too, and a directory has one tls-handoff",
          "give each port a directory of its own")
      }
      if let other = checked.first(where: {
        $0.place.port == place.port && ($0.identity.device != identity.device || $0.mount != mount)
      }) {
        throw refuse(
          "it is on another file system than \(other.place.directory), or in another mount of it",
          "use one of them, and make the other host's entry a symbolic link to it")
      }
      checked.append((place, identity, mount))
    }
  }

  /// A number for the mount that it is in: no hard link leads from one to another, whatever the file system. The
  /// corresponding C function is `statx`.
  private var mount: UInt64 {
    get throws(Errno) {
      var status = statx()
      guard unsafe statx(AT_FDCWD, directory, 0, STATX_MNT_ID, &status) == 0 else { throw Errno(errno) }
      return status.stx_mnt_id
    }
  }

  /// Of a user's directory in a hosts directory of somebody else, where sniproxy takes a socket of that user alone.
  func warn() {
    guard let owner = try? Directory(path: directory).status.owner, owner != 0, owner != effectiveUser,
      let ownerOfHosts = try? Directory(path: "\(directory)/..").status.owner, owner != ownerOfHosts
    else { return }
    let name = userName(owner) ?? String(owner)
    complain(
      "\(directory): it belongs to \(name), and the command runs as \(currentUser): sniproxy refuses a socket that is "
        + "not the owner's: start it with `runuser -u \(name) -- sniproxy-listen`, and the rest as it is")
  }

  private func check() throws(Failure) {
    let failed = "cannot listen on port \(port)"
    let descriptor = unsafe linux_openat(AT_FDCWD, directory, O_RDONLY | O_DIRECTORY)
    guard descriptor >= 0 else {
      let error = Errno(errno)
      let advice =
        switch error {
        case .noSuchFileOrDirectory: "make the directory"
        case .permissionDenied: "let user \(currentUser) read, write and search the directory"
        default: "name the host's directory"
        }
      throw .refused(failed, directory, "\(error)", advice)
    }
    defer { close(descriptor) }
    guard unsafe faccessat(descriptor, ".", W_OK | X_OK, AT_EACCESS) == 0 else {
      throw .refused(
        failed, directory, "\(Errno(errno))",
        "let user \(currentUser) write to the directory, or run sniproxy-listen as its owner")
    }
    switch try? Directory(path: directory).status(of: BackendSocket.handoff.name).kind {
    case nil, .socket: break
    case .link:
      throw .refused(
        failed, directory, "tls-handoff is a symbolic link", "name the directory that it leads to, or remove the link")
    default: throw .refused(failed, directory, "tls-handoff is no socket", "remove it")
    }
    switch try connectError(descriptor) {
    case .noSuchFileOrDirectory, .connectionRefused: break
    case nil, .wouldBlock, .wrongType:
      throw .refused(
        failed, directory, "somebody listens on tls-handoff already",
        "stop that server, or name another directory; `ss -xlpe` tells which server it is, by the inode")
    case let error?:
      throw .refused(failed, directory, "tls-handoff: \(error)", "see what that file is, and remove it")
    }
  }

  /// The error of a connection to `tls-handoff`; nil if there is somebody. The corresponding C function is `connect`.
  private func connectError(_ directory: Int32) throws(Failure) -> Errno? {
    let number = socket(AF_UNIX, Int32(SOCK_SEQPACKET.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    guard number >= 0 else {
      throw .system(
        "make", "a Unix socket", Errno(errno), "let the server use AF_UNIX (in a unit: RestrictAddressFamilies=)")
    }
    defer { close(number) }
    var address = sockaddr_storage()
    address.ss_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address) { bytes in
      let path = unsafe UnsafeMutableRawBufferPointer(rebasing: bytes[MemoryLayout<sa_family_t>.size...])
      unsafe path.copyBytes(from: "/proc/self/fd/\(directory)/tls-handoff".utf8)
    }
    let result = unsafe linux_connect(number, &address, socklen_t(MemoryLayout<sockaddr_un>.size))
    return result == 0 ? nil : Errno(errno)
  }

  /// As the library has it.
  private static let most = 64
}

private var currentUser: String { userName(effectiveUser) ?? String(effectiveUser) }
