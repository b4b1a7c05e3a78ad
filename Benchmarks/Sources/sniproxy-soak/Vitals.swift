import CBench
import Foundation
import Load

/// What the proxy has of the kernel when nothing moves.
struct Vitals {
  /// Open descriptors apart from pipes, of which each worker keeps one.
  let descriptors: Int
  let pipes: Int
  /// KiB: the proportional set size, of which memory that no file backs, and what is resident.
  let pss: Int
  let anonymous: Int
  let resident: Int

  init(descriptors: Int, pipes: Int, pss: Int, anonymous: Int, resident: Int) {
    (self.descriptors, self.pipes) = (descriptors, pipes)
    (self.pss, self.anonymous, self.resident) = (pss, anonymous, resident)
  }

  init(of process: Int32) throws(Failure) {
    let directory = "/proc/\(process)/fd"
    guard let names = try? FileManager.default.contentsOfDirectory(atPath: directory) else {
      throw Failure("\(directory): cannot be read")
    }
    let files = names.compactMap { try? FileManager.default.destinationOfSymbolicLink(atPath: "\(directory)/\($0)") }
    pipes = files.count { $0.hasPrefix("pipe:") }
    descriptors = files.count - pipes
    let lines = try text(of: "/proc/\(process)/smaps_rollup").split(separator: "\n").map { $0.split(separator: " ") }
    func kibibytes(_ key: Substring) -> Int {
      lines.first { $0.first == key }.flatMap { $0.count > 1 ? Int($0[1]) : nil } ?? -1
    }
    pss = kibibytes("Pss:")
    anonymous = kibibytes("Anonymous:")
    resident = kibibytes("Rss:")
  }

  /// What has grown since: every descriptor, and memory of its own beyond what an allocator may keep of its own accord. What
  /// files back is shared, and counts for more when others let go of it.
  ///
  /// - Parameter seconds: how long it has worked since. Until it has met the most that comes at once, which takes a minute or
  ///   so, an allocator keeps more each time.
  func growth(since earlier: Vitals, seconds: Double) -> [String] {
    let allowance = seconds < 60 ? 2048 : 512
    var grown: [String] = []
    if descriptors != earlier.descriptors { grown.append("\(descriptors) descriptors, not \(earlier.descriptors)") }
    if anonymous > earlier.anonymous + allowance {
      grown.append("\(anonymous) KiB anonymous, after \(earlier.anonymous)")
    }
    return grown
  }
}

extension Vitals: CustomStringConvertible {
  var description: String {
    "\(descriptors) descriptors and \(pipes) ends of pipes, \(pss) KiB proportional (\(anonymous) anonymous, \(resident) "
      + "resident)"
  }
}
