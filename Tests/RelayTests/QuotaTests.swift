import Dispatch
import Relay
import Synchronization
import Testing
import Wire

@Suite struct QuotaTests {
  @Test func `a place is free again when who has it goes`() {
    let quota = Quota<String>(most: 2)
    var places = [quota.take("a"), quota.take("a")]
    #expect(places.allSatisfy { $0 != nil })
    #expect(quota.take("a") == nil)
    #expect(quota.take("b") != nil)
    places[0] = nil
    places[0] = quota.take("a")
    #expect(places[0] != nil)
    #expect(quota.take("a") == nil)
  }

  @Test func `never more than allowed between threads`() {
    let quota = Quota<Int>(most: 3)
    let inside = Mutex(0)
    let most = Mutex(0)
    DispatchQueue.concurrentPerform(iterations: 8) { _ in
      for _ in 0..<2000 {
        guard let place = quota.take(7) else { continue }
        let count = inside.withLock { count in
          count += 1
          return count
        }
        most.withLock { $0 = max($0, count) }
        inside.withLock { $0 -= 1 }
        withExtendedLifetime(place) {}
      }
    }
    #expect((1...3).contains(most.withLock { $0 }))
    #expect((0..<3).map { _ in quota.take(7) }.allSatisfy { $0 != nil })
  }

  @Test func `a client is an IPv4 address or the first half of an IPv6 address`() throws {
    func network(_ address: IPAddress, port: UInt16 = 1) throws -> ClientNetwork {
      try #require(ClientNetwork(.internet(address, port: port)))
    }
    func six(_ groups: UInt8...) -> IPAddress {
      .v6(InlineArray { index in index < groups.count ? groups[index] : 0 })
    }
    let four = try network(.v4([192, 0, 2, 1]))
    #expect(try network(.v4([192, 0, 2, 1]), port: 9) == four)
    #expect(try network(.v4([192, 0, 2, 2])) != four)
    #expect(try network(six(0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 192, 0, 2, 1)) == four, "mapped")
    let first = try network(six(0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 1))
    #expect(try network(six(0x20, 1, 0xd, 0xb8, 0, 0, 0, 1, 2)) == first)
    #expect(try network(six(0x20, 1, 0xd, 0xb8, 0, 0, 0, 2, 1)) != first)
    #expect(ClientNetwork(.local) == nil)
  }
}
