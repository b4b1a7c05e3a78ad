package import Kernel
import Wire

/// What a running program counts, and tells of itself: in a file that others read, or for itself alone.
package final class Ledger: Sendable {
  private let words: Words
  private let workers: Int
  /// nil where there is no file.
  private let lifeSign: LifeSign?
  /// Whose file this one has taken the place of, as far as that is known.
  package let predecessor: Author?

  /// For itself alone.
  package init(workers: Int) {
    self.workers = workers
    words = Words(count: Layout.count(workers: workers))
    lifeSign = nil
    predecessor = nil
    begin()
  }

  /// Makes a new file and puts it at `path`, in place of another status file, of an empty file, or of a link. Where that
  /// fails, what is there stays: it is right about its own process, be that alive or not.
  ///
  /// - Parameter loss: an eventfd that is signalled when somebody has cut the file short; what is counted then is lost.
  package init(workers: Int, path: String, tellingLossBy loss: Int32 = -1) throws(Failure) {
    let file = try Self.attempt("make a file in its directory") { () throws(Errno) in
      try NewFile(for: path, mode: Self.mode)
    }
    let author = try Self.author(at: file)
    predecessor = author
    let count = Layout.count(workers: workers)
    self.workers = workers
    do throws(Failure) {
      words = try Self.attempt("get \(count * 8) bytes for it") { () throws(Errno) in
        try file.words(count, tellingLossBy: loss)
      }
      let sign = try Self.attempt("lock it") { () throws(Errno) in try file.sign() }
      if sign.kind == .exclusive { words[Layout.Header.isExclusive] = 1 }
      lifeSign = consume sign
      begin()
      try Self.attempt("put it in place") { () throws(Errno) in try file.takePlace() }
    } catch {
      throw error.leaving(author)
    }
  }

  /// Why there is no file.
  package enum Failure: Error, Equatable {
    /// What could not be done, and whose status file is there now, as far as that is known.
    case system(String, Errno, leaving: Author? = nil)
    /// What is at its place is something else, which must not be lost.
    case placeIsTaken

    fileprivate func leaving(_ author: Author?) -> Failure {
      if case .system(let step, let error, _) = self { .system(step, error, leaving: author) } else { self }
    }
  }

  // MARK: - Who writes

  /// - Parameter worker: from 0 on.
  package func tally(_ worker: Int) -> Tally {
    precondition(worker < workers)
    let start = Layout.Worker.start(worker)
    return Tally(words.part(start..<start + Layout.Worker.count))
  }

  package var log: LogTally { LogTally(words.part(Layout.Log.start..<Layout.Log.start + Layout.Log.count)) }

  /// The whole of it, as a file has it.
  func copy() -> [UInt8] {
    (0..<words.count * 8).map { UInt8(truncatingIfNeeded: words[$0 / 8].littleEndian >> UInt64(8 * ($0 % 8))) }
  }

  func copy(ofWorker worker: Int) -> [UInt64] {
    (Layout.Worker.start(worker)..<Layout.Worker.start(worker + 1)).map { words[$0] }
  }

  // MARK: - What the main thread writes

  package func enter(_ state: ProgramState) {
    words[Layout.Header.stateSince] = UInt64(bitPattern: wallClockNow())
    words[Layout.Header.state] = state.rawValue
  }

  package func tell(_ limits: Limits) {
    words[Layout.Header.maxConnections] = UInt64(limits.maxConnections)
    words[Layout.Header.helloTimeout] = UInt64(bitPattern: limits.helloTimeout)
    words[Layout.Header.connectTimeout] = UInt64(bitPattern: limits.connectTimeout)
    words[Layout.Header.drainTimeout] = UInt64(bitPattern: limits.drainTimeout)
    words[Layout.Header.maxPerClient] = UInt64(limits.maxPerClient ?? 0)
    words[Layout.Header.maxPerHost] = UInt64(limits.maxPerHost ?? 0)
  }

  private func begin() {
    words[Layout.Header.version] = Layout.version
    words[Layout.Header.length] = UInt64(words.count * 8)
    words[Layout.Header.workers] = UInt64(workers)
    words[Layout.Header.process] = UInt64(processNumber)
    words[Layout.Header.startedAt] = UInt64(bitPattern: wallClockNow())
    words[Layout.Header.startedOnClock] = UInt64(bitPattern: monotonicNow())
    write(Array(version.utf8), to: Layout.Header.program)
    enter(.starting)
    write(Layout.magic, to: Layout.Header.magic..<Layout.Header.magic + 1)
  }

  private func write(_ bytes: [UInt8], to places: Range<Int>) {
    for (index, byte) in bytes.prefix(places.count * 8).enumerated() {
      words[places.lowerBound + index / 8] |= (UInt64(byte) << UInt64(8 * (index % 8))).littleEndian
    }
  }

  /// Whose status file is at the place of a new one; nil where there is none, or one of another version.
  private static func author(at file: NewFile) throws(Failure) -> Author? {
    let (begin, author) = try attempt("look at what is in its place") { () throws(Errno) -> ([UInt8]?, Author?) in
      switch try file.present() {
      case .nothing: ([], nil)
      case .link: ([], nil)
      case .file(let file): (try file.bytes(most: Layout.magic.count), try StatusFile.author(of: file))
      case .other: (nil, nil)
      }
    }
    guard let begin, begin.isEmpty || begin == Layout.magic else { throw .placeIsTaken }
    return author
  }

  private static func attempt<Result: ~Copyable>(
    _ step: String, _ body: () throws(Errno) -> Result
  ) throws(Failure) -> Result {
    do throws(Errno) { return try body() } catch { throw .system(step, error) }
  }

  /// Everybody may read it.
  private static let mode: UInt32 = 0o644
}
