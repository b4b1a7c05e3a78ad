import Foundation

/// What the kernel tells of a running process.
struct Vitals {
  let pid: pid_t

  /// Its open descriptors.
  var descriptors: Set<Int> {
    get throws { Set(try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/fd").compactMap { Int($0) }) }
  }

  /// Memory that no file backs, in KiB.
  var anonymousMemory: Int { get throws { try rollup("Anonymous") } }

  /// Processor time of all its threads, for the program and in the kernel, in clock ticks of 10 ms.
  var ticks: Int {
    get throws {
      let fields = try statusFields
      guard let user = Int(fields[11]), let system = Int(fields[12]) else { throw Failure("no times: \(fields)") }
      return user + system
    }
  }

  /// Processor time of all its threads in seconds, to the nanosecond.
  var processorTime: Double {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task").reduce(0) { sum, thread in
        let words = try read("task/\(thread)/schedstat").split(separator: " ")
        return sum + (Double(words[0]) ?? 0) / 1e9
      }
    }
  }

  /// How many pipes it has.
  var pipes: Int { get throws { try Set(openFiles.filter { $0.hasPrefix("pipe:") }).count } }

  /// How many of its descriptors are sockets.
  var sockets: Int { get throws { try openFiles.count { $0.hasPrefix("socket:") } } }

  private var openFiles: [String] {
    get throws {
      try descriptors.compactMap { number in
        // One that has been closed meanwhile is none.
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/fd/\(number)")
      }
    }
  }

  /// Whether it waits until it can write to a socket.
  var waitsForRoom: Bool { get throws { try watched.contains { $0 & 4 != 0 } } }

  /// What it is told of each file that it watches, as proc_pid_fdinfo(5) shows it for epoll.
  var watched: [UInt32] {
    get throws {
      try descriptors.flatMap { descriptor -> [UInt32] in
        // One that has been closed meanwhile is none.
        guard let lines = try? read("fdinfo/\(descriptor)").split(separator: "\n") else { return [] }
        return lines.compactMap { line in
          guard line.hasPrefix("tfd:"), let events = line.firstMatch(of: /events:\s*([0-9a-f]+)/)?.output.1 else {
            return nil
          }
          return UInt32(events, radix: 16)
        }
      }
    }
  }

  /// Where its threads are.
  var workingDirectories: Set<String> {
    get throws {
      let threads = try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task")
      return Set(
        try threads.map { thread in
          try FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/task/\(thread)/cwd")
        })
    }
  }

  /// The ids of its threads.
  var threads: [String] { get throws { try FileManager.default.contentsOfDirectory(atPath: "/proc/\(pid)/task") } }

  /// What proc_pid_status(5) says of a thread.
  func status(of thread: String) throws -> [String: String] {
    let pairs = try read("task/\(thread)/status").split(separator: "\n").map { line in
      let parts = line.split(separator: ":", maxSplits: 1)
      return (String(parts[0]), parts.count == 2 ? parts[1].trimmingCharacters(in: .whitespaces) : "")
    }
    return Dictionary(pairs) { first, _ in first }
  }

  /// As ps(1) shows it: `S` for one that sleeps, `T` for one that is stopped.
  var state: String { get throws { try statusFields[0] } }

  /// Expects that it comes to rest: that a second passes in which it does next to nothing.
  func expectRest() throws {
    var worked = 0
    for _ in 0..<10 {
      let before = try ticks
      // The only way to see that nothing happens.
      usleep(1_000_000)
      worked = try ticks - before
      if worked <= Self.restingTicks { return }
    }
    throw Failure("process \(pid) does not come to rest: it worked \(worked) ticks of 10 ms in the last second")
  }

  /// Expects that a round of the same work comes to leave less than so many KiB of memory behind: what is lost is lost in
  /// every round, while only some rounds need more at once than all before.
  func expectSteadyMemory(within tolerance: Int, of what: String, round: (_ number: Int) throws -> Void) throws {
    var memory: [Int] = []
    for number in 1...6 {
      try round(number)
      memory.append(try anonymousMemory)
      guard number > 1 else { continue }
      // A sanitizer keeps what was freed for a while.
      let isSteady = memory[number - 1] - memory[number - 2] < tolerance || Sanitizer.current != nil
      if isSteady { return print("memory after each round of \(what), in KiB: \(memory)") }
    }
    throw Failure("each round of \(what) leaves memory behind, in KiB: \(memory)")
  }

  /// What keepalives, timers and a slow machine may cost in a second.
  static let restingTicks = 4

  /// The fields of proc_pid_stat(5) after the program's name.
  private var statusFields: [String] {
    get throws {
      let text = try read("stat")
      guard let end = text.lastIndex(of: ")") else { throw Failure("unexpected /proc/\(pid)/stat: \(text)") }
      return text[end...].dropFirst().split(separator: " ").map(String.init)
    }
  }

  private func rollup(_ key: String) throws -> Int {
    let text = try read("smaps_rollup")
    guard let line = text.split(separator: "\n").first(where: { $0.hasPrefix("\(key):") }),
      let value = Int(line.split(separator: " ")[1])
    else { throw Failure("no \(key) in smaps_rollup") }
    return value
  }

  private func read(_ name: String) throws -> String {
    try kernelFile("/proc/\(pid)/\(name)")
  }
}

extension Proxy {
  var vitals: Vitals { Vitals(pid: child.pid) }

  /// Holds it still while the body prepares what it is to find.
  func whileStopped(_ body: () throws -> Void) throws {
    child.signal(SIGSTOP)
    defer { child.signal(SIGCONT) }
    try eventually("sniproxy to stop") { try vitals.state == "T" }
    try body()
  }
}
