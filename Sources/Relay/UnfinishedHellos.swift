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

  func change(by difference: Int) { count.add(difference, ordering: .sequentiallyConsistent) }

  /// The worker with the oldest of all, which has to end; nil where there are not too many.
  var surplusAt: WorkerControl? {
    guard count.load(ordering: .sequentiallyConsistent) > most else { return nil }
    return workers.min { $0.oldestHello < $1.oldestHello }
  }
}
