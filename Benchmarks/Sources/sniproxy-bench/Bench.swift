import CBench
import Foundation
import Load

/// What all measurements of a run share: the backend, the hellos, the cores, the scratch directory.
final class Bench {
  let scratch: Scratch
  let backend: Backend
  let corpus: String
  let descriptors: Int
  let allCores: UInt64
  let proxyCores: UInt64
  let loadCores: UInt64
  let repeats: Repeats
  private let hellos: Hellos

  /// The proxies get the first core that this program may run on, the load the second.
  init(corpus: String, repeating seconds: Double = 0) throws(Failure) {
    repeats = Repeats(seconds: seconds)
    let cores = bench_cores()
    guard cores.nonzeroBitCount >= 2 else {
      throw Failure("this machine has one core only: proxy and load need one each, or they measure each other")
    }
    allCores = cores
    proxyCores = cores & ~(cores - 1)
    let others = cores & ~proxyCores
    loadCores = others & ~(others - 1)
    descriptors = Int(bench_raise_descriptor_limit())
    guard bench_pin(loadCores) == 0 else { throw Failure("this program cannot be pinned to a core") }
    self.corpus = corpus
    hellos = try Hellos(corpus: corpus, names: 10)
    scratch = try Scratch()
    do throws(Failure) { backend = try Backend(at: scratch.backend) } catch {
      scratch.remove()
      throw error
    }
  }

  /// To a proxy that knows the usual ten names.
  func route(to port: UInt16) -> Route {
    Route(port: port, backend: backend, hellos: hellos)
  }

  func route(to port: UInt16, names: Int) throws(Failure) -> Route {
    Route(port: port, backend: backend, hellos: try Hellos(corpus: corpus, names: names))
  }

  /// The proxies' core and, for two workers, another one: the load's where there are no more than two.
  var twoCores: UInt64 {
    let others = allCores & ~proxyCores & ~loadCores
    return proxyCores | (others == 0 ? loadCores : others & ~(others - 1))
  }
}
