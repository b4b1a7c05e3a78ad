/// The deadlines of a worker's sessions: one each, of one of a few fixed lengths.
///
/// Deadlines of one length fall due in the order in which they were set, so a queue of each is enough: setting,
/// cancelling and finding the next take constant time.
package struct Deadlines {
  package enum Kind: Int, CaseIterable, Sendable {
    case hello
    case retrySoon
    case retryLater
    case linger
  }

  private struct Link {
    var kind: Kind?
    var due: Int64 = 0
    var previous = none
    var next = none
  }

  private struct Queue {
    var first = none
    var last = none
    var count = 0
  }

  /// By the session's slot.
  private var links: [Link] = []
  private var queues = [Queue](repeating: Queue(), count: Kind.allCases.count)
  private let lengths: [Int64]

  /// - Parameter length: of each kind, in nanoseconds.
  package init(length: (Kind) -> Int64) { lengths = Kind.allCases.map(length) }

  /// Sets the slot's deadline, in place of the one it had.
  package mutating func set(_ kind: Kind, for slot: Int, now: Int64) {
    cancel(slot)
    while links.count <= slot { links.append(Link()) }
    let previous = queues[kind.rawValue].last
    links[slot] = Link(kind: kind, due: now + lengths[kind.rawValue], previous: previous)
    if previous == none { queues[kind.rawValue].first = Int32(slot) } else { links[Int(previous)].next = Int32(slot) }
    queues[kind.rawValue].last = Int32(slot)
    queues[kind.rawValue].count += 1
  }

  package mutating func cancel(_ slot: Int) {
    guard slot < links.count, let kind = links[slot].kind else { return }
    let link = links[slot]
    if link.previous == none {
      queues[kind.rawValue].first = link.next
    } else {
      links[Int(link.previous)].next = link.next
    }
    if link.next == none {
      queues[kind.rawValue].last = link.previous
    } else {
      links[Int(link.next)].previous = link.previous
    }
    queues[kind.rawValue].count -= 1
    links[slot] = Link()
  }

  /// How many there are of this kind.
  package func count(_ kind: Kind) -> Int { queues[kind.rawValue].count }

  /// The one of this kind that was set first; nil if there is none.
  package func first(_ kind: Kind) -> (slot: Int, due: Int64)? {
    let first = Int(queues[kind.rawValue].first)
    return first == none ? nil : (first, links[first].due)
  }

  /// When the next one falls due; nil if there is none.
  package var next: Int64? {
    var earliest: Int64?
    for queue in queues where queue.first != none {
      earliest = min(earliest ?? .max, links[Int(queue.first)].due)
    }
    return earliest
  }

  /// Takes one that has fallen due; nil if none has.
  package mutating func takeDue(now: Int64) -> (slot: Int, kind: Kind)? {
    for kind in Kind.allCases {
      let first = queues[kind.rawValue].first
      guard first != none, links[Int(first)].due <= now else { continue }
      cancel(Int(first))
      return (Int(first), kind)
    }
    return nil
  }
}

private let none: Int32 = -1
