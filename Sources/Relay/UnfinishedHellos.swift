import Kernel
import Synchronization

/// The ClientHellos of all workers that are not complete: so many that they leave room for other clients.
///
/// A ClientHello that is complete when its client is accepted is never counted.
final class UnfinishedHellos: Sendable {
  private let most: Int
  private let workers: [WorkerControl]
  private let count = Atomic(0)

  init(most: Int, of workers: [WorkerControl]) {
    self.most = most
    self.workers = workers
  }

  var areTooMany: Bool { count.load(ordering: .sequentiallyConsistent) > most }

  /// - Returns: the worker with the oldest of them, where it has to end, since a new one is one too many.
  func change(by difference: Int) -> WorkerControl? {
    let (_, present) = count.add(difference, ordering: .sequentiallyConsistent)
    guard difference > 0, present > most else { return nil }
    return workers.min { $0.hellos.oldest < $1.hellos.oldest }
  }
}

/// What the other workers know of one worker's unfinished ClientHellos.
final class WorkerHellos: Sendable {
  private let oldestDue = Atomic(Int64.max)
  private let unwanted = Atomic(0)

  /// The deadline of the oldest, which is the first to fall due.
  var oldest: Int64 {
    get { oldestDue.load(ordering: .sequentiallyConsistent) }
    set { oldestDue.store(newValue, ordering: .sequentiallyConsistent) }
  }

  /// Asks the worker to end one.
  func endOne() { unwanted.add(1, ordering: .sequentiallyConsistent) }

  /// How many the worker has been asked to end since the last time.
  func takeUnwanted() -> Int { unwanted.exchange(0, ordering: .sequentiallyConsistent) }
}
