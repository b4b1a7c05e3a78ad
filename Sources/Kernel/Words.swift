public import Synchronization

/// Memory of 64-bit words, each of which one thread writes and all may read: so a change takes neither a lock nor an
/// instruction that waits for other processors.
///
/// It is never given back. What is public here is so that it becomes part of the code that uses it: the compiler takes nothing of
/// package access into another module.
@safe public struct Words: @unchecked Sendable {
  @usableFromInline package let count: Int
  @usableFromInline let base: UnsafeMutablePointer<Atomic<UInt64>>

  /// Words that are all 0, from the start of a cache line on.
  package init(count: Int) {
    let memory = UnsafeMutableRawPointer.allocate(byteCount: count * 8, alignment: Self.cacheLine)
    unsafe memory.initializeMemory(as: UInt8.self, repeating: 0, count: count * 8)
    unsafe self.init(at: memory, count: count)
  }

  /// - Precondition: there are so many words there, for as long as the program runs.
  init(at memory: UnsafeMutableRawPointer, count: Int) {
    self.count = count
    unsafe base = memory.bindMemory(to: Atomic<UInt64>.self, capacity: count)
  }

  private init(_ base: UnsafeMutablePointer<Atomic<UInt64>>, _ count: Int) {
    self.count = count
    unsafe self.base = base
  }

  /// Some of them.
  package func part(_ range: Range<Int>) -> Words {
    precondition(range.lowerBound >= 0 && range.upperBound <= count)
    return unsafe Words(base + range.lowerBound, range.count)
  }

  @inlinable public subscript(place: Int) -> UInt64 {
    @inline(__always) get {
      assert(place >= 0 && place < count)
      return unsafe base[place].load(ordering: .relaxed)
    }
    @inline(__always) nonmutating set {
      assert(place >= 0 && place < count)
      unsafe base[place].store(newValue, ordering: .relaxed)
    }
  }

  /// Of a processor, in bytes: two threads that write to one line wait for each other.
  package static let cacheLine = 64
}
