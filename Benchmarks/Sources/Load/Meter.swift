import Glibc

/// Reads what the processes of a proxy have consumed.
public struct Meter {
  public let processes: [Int32]
  /// Others that belong to what is measured, such as a server.
  private let others: [Int32]

  public init(processes: [Int32], besides others: [Int32] = []) {
    self.processes = processes
    self.others = others
  }

  public func read() throws(Failure) -> Reading {
    var (proxy, others): (UInt64, UInt64) = (0, 0)
    for process in processes { proxy += try processorTime(of: process) }
    for process in self.others { others += try processorTime(of: process) }
    return Reading(time: now(), proxy: proxy, load: ownProcessorTime(), others: others, machine: machineTime())
  }

  /// Bytes of memory: the proportional set size, as proc_pid_smaps(5) has it, without pages of files. What other
  /// programs share of these changes while they start and end. The kernel's memory is not in it.
  public func memory() throws(Failure) -> Double {
    try sum(of: ["Pss_Anon:", "Pss_Shmem:"])
  }

  public func residentMemory() throws(Failure) -> Double {
    try sum(of: ["Rss:"])
  }

  private func sum(of keys: [String]) throws(Failure) -> Double {
    var kibibytes = 0
    for process in processes {
      let path = "/proc/\(process)/smaps_rollup"
      let lines = try text(of: path).split(separator: "\n").map { $0.split(separator: " ") }
      for key in keys {
        guard let line = lines.first(where: { $0.first ?? "" == key }), line.count > 1, let size = Int(line[1]) else {
          throw Failure("\(path): no \(key)")
        }
        kibibytes += size
      }
    }
    return Double(kibibytes) * 1024
  }

  /// What all processes of the machine have taken, in nanoseconds but counted in ticks.
  private func machineTime() -> UInt64 {
    guard let fields = try? text(of: "/proc/stat").split(separator: "\n").first?.split(separator: " ") else { return 0 }
    // user, nice, system, idle, iowait, irq, softirq, steal: all but the two that are no work.
    let busy = [1, 2, 3, 6, 7, 8].compactMap { $0 < fields.count ? UInt64(fields[$0]) : nil }
    return busy.reduce(0, +) * 1_000_000_000 / UInt64(sysconf(Int32(_SC_CLK_TCK)))
  }
}

/// Nanoseconds since some beginning.
public struct Reading {
  let time: UInt64
  let proxy: UInt64
  let load: UInt64
  let others: UInt64
  let machine: UInt64
}

/// Between two readings.
public struct Usage {
  public let seconds: Double
  /// Seconds of processor time that the proxy took.
  public let proxy: Double
  /// The part of its core that the load took: near 1 it was the load that could not go faster.
  public let loadShare: Double
  /// The part of a core that none of what is measured took: others who disturb the measurement.
  public let othersShare: Double

  init(from start: Reading, to end: Reading) {
    seconds = Double(end.time - start.time) / 1e9
    proxy = Double(end.proxy - start.proxy) / 1e9
    let load = Double(end.load - start.load) / 1e9
    loadShare = load / seconds
    let known = proxy + load + Double(end.others - start.others) / 1e9
    othersShare = max(0, (Double(end.machine) - Double(start.machine)) / 1e9 - known) / seconds
  }
}

/// A small file's whole text, for those of /proc, which have no size.
public func text(of path: String) throws(Failure) -> String {
  let file = open(path, O_RDONLY | O_CLOEXEC)
  if file == -1 { throw .of(path) }
  defer { close(file) }
  var bytes: [UInt8] = []
  var chunk = [UInt8](repeating: 0, count: 65536)
  while true {
    let count = read(file, &chunk, chunk.count)
    if count < 0 { throw .of(path) }
    if count == 0 { break }
    bytes += chunk[..<count]
  }
  return String(decoding: bytes, as: UTF8.self)
}
