import CBench
import Foundation
import Load

/// One run: the load, and what happens to proxies and backends meanwhile. It belongs to the main thread.
///
/// In the first half of the time the proxy is replaced again and again. The second half is one proxy's: once it is warm,
/// the load is held back until all is at rest, and its descriptors and memory are taken down; the same at the end.
final class Soak {
  private let seconds: Double
  private let world: World
  private let hosts: Hosts
  private let proxies: Proxies
  private let scratch: String
  private var backends: [Child] = []
  private var mortal: Child?
  private var fillers: [Int32] = []
  private var threads: [DispatchGroup] = []
  private var begun = now()
  private var kills = 0
  private var lastReport: (time: UInt64, processor: UInt64, generation: Int) = (0, 0, 0)

  init(seconds: Double, program: String, corpus: String, scratch: String) throws(Failure) {
    self.seconds = seconds
    self.scratch = scratch
    proxies = try Proxies(program, scratch: scratch)
    hosts = try Hosts(in: scratch)
    world = try World(
      tcp: proxies.port, unix: proxies.unixPath, corpus: corpus, pace: min(1, seconds / 120), limit: 192)
  }

  /// What went wrong; empty if nothing did.
  func run() -> [String] {
    do throws(Failure) {
      try takeItsCourse()
    } catch {
      world.tally.fail("the soak itself: \(error)")
    }
    world.gate.end()
    for thread in threads { thread.wait() }
    stopAll()
    return report()
  }

  private func takeItsCourse() throws(Failure) {
    for backend in hosts.backends { backends.append(try start(backend)) }
    mortal = try start(hosts.mortal)
    try fillBacklog()
    try proxies.startNext(hosts, limit: world.limit)
    let fresh = try rest("a fresh proxy")

    begun = now()
    lastReport = (begun, 0, proxies.generation)
    threads = Honest.start(world) + Hostile.start(world)
    threads.append(hosts.startUpheaval(world))
    try go(0.45, restarting: true)
    try go(0.15, restarting: false)
    world.gate.close()
    let warm = try rest("warm")
    world.gate.open()
    try go(0.4, restarting: false)
    world.gate.close()
    let worn = try rest("at the end")
    // Only root sees what a program has that keeps others from looking.
    guard let fresh, let warm, let worn else { return print("descriptors and memory were not seen: run it as root") }
    let grown =
      worn.growth(since: warm, seconds: seconds * 0.4)
      + (worn.descriptors == fresh.descriptors ? [] : ["not the descriptors of a fresh one"])
    for growth in grown { world.tally.fail("the proxy does not come back to where it was: \(growth)") }
  }

  // MARK: - The course of things

  /// Lets the load run for this part of the time.
  private func go(_ part: Double, restarting: Bool) throws(Failure) {
    let end = now() + nanoseconds(seconds * part)
    let every = max(1.5, min(10, seconds / 40))
    var nextRestart = now() + nanoseconds(every)
    var nextKill = now() + nanoseconds(every / 2)
    while now() < end, world.tally.counts.failures.count < 20 {
      usleep(50_000)
      try interruptible()
      proxies.collect(world.tally)
      if proxies.current == nil { throw Failure("there is no proxy left") }
      if now() >= nextKill {
        try killMortal()
        nextKill = now() + nanoseconds(every)
      }
      // Not in a flood: what is closed then may have been crowded out, and would hide what a restart closes.
      if restarting, now() >= nextRestart, !world.floods.isOn {
        try proxies.startNext(hosts, limit: world.limit)
        nextRestart = now() + nanoseconds(every)
      }
      if now() >= lastReport.time + 10_000_000_000 { tell() }
    }
  }

  /// Lets every session end and every old proxy with it, and then takes down what the proxy has and sees that it does
  /// nothing.
  private func rest(_ when: String) throws(Failure) -> Vitals? {
    try wait("the load and the old proxies to end") {
      proxies.collect(world.tally)
      return world.gate.inside == 0 && proxies.drainingCount == 0
    }
    guard let proxy = proxies.current else { throw Failure("there is no proxy left") }
    try wait("the proxy to listen") { proxy.lines.count { $0.contains("listening on") } == 2 }
    let vitals = try settledVitals(of: proxy.pid)
    let before = try processorTime(of: proxy.pid)
    usleep(2_000_000)
    let worked = Double(try processorTime(of: proxy.pid) - before) / 1e6
    let seen = vitals.map { "\($0); " } ?? ""
    print(String(format: "at rest, %@: %@%.2f ms of processor time in 2 s", when, seen, worked))
    if worked > 4 { world.tally.fail("at rest, \(when), the proxy worked \(worked) ms in 2 s") }
    return vitals
  }

  /// Once they have been the same for two seconds: clients that were refused are let go of within a few. Nil where they
  /// cannot be seen.
  private func settledVitals(of process: Int32) throws(Failure) -> Vitals? {
    var vitals: Vitals
    do throws(Failure) { vitals = try Vitals(of: process) } catch {
      if geteuid() == 0 { throw error }
      return nil
    }
    var still = 0
    while still < 20 {
      usleep(100_000)
      try interruptible()
      let next = try Vitals(of: process)
      still = next.descriptors == vitals.descriptors ? still + 1 : 0
      vitals = next
    }
    return vitals
  }

  private func killMortal() throws(Failure) {
    mortal?.signal(SIGKILL)
    _ = mortal?.waitForEnd(seconds: 5)
    kills += 1
    mortal = try start(hosts.mortal)
  }

  private func start(_ backend: (socket: String, name: String, header: BackendCommand.Header)) throws(Failure) -> Child
  {
    let log = "\(scratch)/\(backend.name).log"
    let child = try Child(
      [
        try Self.program(), "backend", "--socket", backend.socket, "--name", backend.name, "--header",
        backend.header.rawValue,
      ], log: log)
    if backend.name != Name.mortal {
      try wait("backend \(backend.name)") { FileManager.default.fileExists(atPath: backend.socket) }
    }
    return child
  }

  /// This one.
  private static func program() throws(Failure) -> String {
    guard let path = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") else {
      throw Failure("/proc/self/exe: cannot be read")
    }
    return path
  }

  /// Somebody listens, accepts nobody, and has no place left for who would wait.
  private func fillBacklog() throws(Failure) {
    let listener = bench_socket(AF_UNIX)
    fillers.append(listener)
    guard bench_listen_unix(listener, hosts.socket(of: Name.full), 0) == 0 else {
      throw Failure("cannot listen at \(hosts.socket(of: Name.full))")
    }
    while true {
      let client = bench_socket(AF_UNIX)
      fillers.append(client)
      if bench_connect_unix(client, hosts.socket(of: Name.full)) == -1 { return }
    }
  }

  // MARK: - The end

  private func stopAll() {
    proxies.stopCurrent()
    let end = now() + nanoseconds(20)
    while proxies.drainingCount > 0, now() < end {
      proxies.collect(world.tally)
      usleep(10_000)
    }
    if proxies.drainingCount > 0 { world.tally.fail("\(proxies.drainingCount) proxies do not end") }
    proxies.killAll()
    for backend in backends + [mortal].compactMap({ $0 }) {
      backend.signal(SIGTERM)
      let ending = backend.waitForEnd(seconds: 10) ?? "does not end"
      backend.signal(SIGKILL)
      if ending != "exit status 0" { world.tally.fail("backend \(backend.pid): \(ending)") }
      for line in backend.lines.prefix(5) { world.tally.fail("a backend says: \(line)") }
    }
    backends = []
    mortal = nil
    for descriptor in fillers { close(descriptor) }
    var status: Int32 = 0
    if waitpid(-1, &status, WNOHANG) != -1 || errno != ECHILD { world.tally.fail("a child is left") }
  }

  // MARK: - Reports

  private func tell() {
    let counts = world.tally.counts
    let honest = Honest.allCases.reduce(0) { $0 + (counts.done[$1.rawValue] ?? 0) }
    let hostile = Hostile.allCases.reduce(0) { $0 + (counts.done[$1.rawValue] ?? 0) }
    var proxy = ""
    if let current = proxies.current, let vitals = try? Vitals(of: current.pid),
      let processor = try? processorTime(of: current.pid)
    {
      proxy = "; proxy \(proxies.generation): \(vitals.descriptors) descriptors, \(vitals.pss) KiB"
      if lastReport.generation == proxies.generation {
        let share = Double(processor - lastReport.processor) / Double(now() - lastReport.time)
        proxy += String(format: ", CPU %.0f %%", share * 100)
      }
      lastReport = (now(), processor, proxies.generation)
    } else {
      lastReport.time = now()
    }
    print(
      String(
        format: "%4.0f s: %d honest sessions, %d cut by kills, %d crowded out, %d hostile, %.2f GB%@; %d failures",
        elapsed, honest, counts.cut, counts.crowdedOut, hostile, Double(counts.up + counts.down) / 1e9, proxy,
        counts.failures.count + counts.moreFailures))
  }

  private func report() -> [String] {
    var counts = world.tally.counts
    let kinds = Honest.allCases.map(\.rawValue) + Hostile.allCases.map(\.rawValue) + ["upheaval", "proxy generation"]
    for kind in kinds where counts.done[kind] == nil { counts.failures.append("\(kind): there was none") }
    let honest = Honest.allCases.reduce(0) { $0 + (counts.done[$1.rawValue] ?? 0) }
    if counts.crowdedOut * 20 > honest { counts.failures.append("floods crowded out more than one session in 20") }
    if kills == 0 { counts.failures.append("no backend was killed") }
    let done = kinds.map { "\($0) \(counts.done[$0] ?? 0)" }.joined(separator: ", ")
    print("done: \(done), kills \(kills), cut by them \(counts.cut), crowded out \(counts.crowdedOut)")
    print("bytes compared: \(counts.up) up, \(counts.down) down")
    if counts.moreFailures > 0 { counts.failures.append("and \(counts.moreFailures) more") }
    return counts.failures
  }

  // MARK: - Time

  private var elapsed: Double { Double(now() - begun) / 1e9 }

  private func nanoseconds(_ seconds: Double) -> UInt64 { UInt64(seconds * 1e9) }

  private func interruptible() throws(Failure) {
    if bench_interrupted() != 0 { throw Failure("interrupted") }
  }

  private func wait(_ what: String, _ condition: () throws(Failure) -> Bool) throws(Failure) {
    let end = now() + nanoseconds(90)
    while try !condition() {
      try interruptible()
      guard now() < end else { throw Failure("waited 90 s in vain for \(what)") }
      usleep(10_000)
    }
  }
}
