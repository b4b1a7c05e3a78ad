import Foundation
import Testing

/// Tests that open so many connections that only one of them at a time finds descriptors enough.
@Suite(.serialized)
struct CrowdTests {}

extension CrowdTests {
  /// As many connections at once on one worker as the limit of open descriptors allows.
  @Suite(.scratch)
  struct ManyConnectionsTests {
    @Test func `all of as many connections as descriptors allow are served`() throws {
      let count = min(Self.wanted, (try raiseDescriptorLimit() - Self.reserved) / 2)
      let passage = try Passage(options: ["--workers", "1", "--hello-timeout", "600"])
      var clients: [Connection] = []
      var backends: [Connection] = []
      for number in 0..<count {
        let (client, backend) = try passage.connect()
        try client.send(Self.bytes(number))
        clients.append(client)
        backends.append(backend)
      }
      print("open at once on one worker: \(count) connections")
      for (number, backend) in backends.enumerated() {
        try #require(try backend.receive(8) == Self.bytes(number))
        try backend.send(Self.bytes(number + count))
      }
      for (number, client) in clients.enumerated() {
        try #require(try client.receive(8) == Self.bytes(number + count))
      }
      try passage.proxy.vitals.expectRest()
      // The last one is not more than the first.
      for number in [0, count / 2, count - 1] {
        clients[number].close()
        try backends[number].expectEnd()
      }
    }

    private static func bytes(_ number: Int) -> [UInt8] { SeededBytes(seed: number).bytes(at: 0, count: 8) }

    private static let wanted = Sanitizer.rounds(10_000)
    /// For the tests that run at the same time.
    private static let reserved = 1000
  }
}

/// Raises this process's soft limit of open descriptors to the hard one, and gives it.
func raiseDescriptorLimit() throws -> Int {
  var limit = rlimit()
  guard unsafe getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
    throw Failure("no limit of descriptors: \(lastError)")
  }
  limit.rlim_cur = limit.rlim_max
  guard unsafe setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0 else {
    throw Failure("cannot raise the limit of descriptors: \(lastError)")
  }
  return Int(clamping: limit.rlim_cur)
}
