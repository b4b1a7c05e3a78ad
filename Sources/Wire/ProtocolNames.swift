/// A `protocol_name_list` (RFC 7301, section 3.1) as it came: tens of thousands of slices would take many times its memory.
package struct ProtocolNames: Sequence, Sendable, Equatable {
  private let list: ArraySlice<UInt8>

  package init() { list = [] }

  /// - Precondition: the list has been read to its end.
  init(checked list: ArraySlice<UInt8>) { self.list = list }

  package struct Iterator: IteratorProtocol {
    fileprivate var rest: ArraySlice<UInt8>

    package mutating func next() -> ArraySlice<UInt8>? {
      guard let length = rest.popFirst() else { return nil }
      defer { rest.removeFirst(Int(length)) }
      return rest.prefix(Int(length))
    }
  }

  package func makeIterator() -> Iterator { Iterator(rest: list) }

  package var isEmpty: Bool { list.isEmpty }

  /// A copy of the first names, as many as take no more than `bytes` with a length byte each.
  package func copy(within bytes: Int) -> ProtocolNames {
    var end = list.startIndex
    for name in self {
      guard name.endIndex - list.startIndex <= bytes else { break }
      end = name.endIndex
    }
    return ProtocolNames(checked: ArraySlice(Array(list[..<end])))
  }
}
