import CBench
import Foundation
import Load

/// A directory of this run, with the backend's socket and hosts directories. It is gone afterwards.
final class Scratch {
  let path: String

  init() throws(Failure) {
    var name = Array((NSTemporaryDirectory() as NSString).appendingPathComponent("sniproxy-bench.XXXXXX").utf8CString)
    guard mkdtemp(&name) != nil else { throw Failure("no directory can be made in \(NSTemporaryDirectory())") }
    path = String(decoding: name.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    // Started by root, some proxies become another user.
    chmod(path, 0o755)
  }

  var backend: String { "\(path)/backend" }

  /// A hosts directory with so many entries, each a directory with the backend's socket in it, or with a link to that: a
  /// file has no more than some 65,000 names. All have been looked at once, also for what they have not, so that the
  /// kernel knows them as it does after a day of work.
  func hosts(_ count: Int, areLinks: Bool = false) throws(Failure) -> String {
    let hosts = "\(path)/hosts-\(count)\(areLinks ? "-links" : "")"
    if mkdir(hosts, 0o755) == -1 { return hosts }
    for index in 0..<count {
      let entry = "\(hosts)/\(Hellos.name(index))"
      let socket = "\(entry)/tls-socket"
      guard mkdir(entry, 0o755) == 0, (areLinks ? symlink(backend, socket) : link(backend, socket)) == 0 else {
        throw Failure("\(entry): cannot be made: \(String(cString: strerror(errno)))")
      }
      for flag in ["send-proxy-v1", "send-proxy-v2"] { access("\(entry)/\(flag)", F_OK) }
      if index % 1000 == 0 { try checkInterruption() }
    }
    return hosts
  }

  func remove() {
    try? FileManager.default.removeItem(atPath: path)
  }
}
