import Testing
import Wire

/// What holds of every ClientHello, however it is cut.
@Suite struct HelloReaderTests {
  @Test func `before anything has come, two headers are missing`() {
    #expect(progress([]) == .needs(atLeast: 9))
  }

  @Test func `every prefix needs more, and never more than is missing`() {
    for file in Corpus.valid {
      var reader = HelloReader()
      var promises: [Int] = []
      for index in file.bytes.indices {
        guard case .needs(let count) = reader.read(file.bytes.span.extracting(index..<index + 1)) else { break }
        promises.append(count)
      }
      let length = promises.count + 1
      let wrong = promises.indices.filter { !(1...length - 1 - $0).contains(promises[$0]) }
      #expect(wrong.isEmpty, "\(file)")
      if case .complete = progress(Array(file.bytes.prefix(length))) { continue }
      Issue.record("no ClientHello in \(file)")
    }
  }

  @Test func `what is missing is told exactly where no more records than needed come`() throws {
    for file in Corpus.valid {
      let bytes = records(try #require(firstMessage(file.bytes))) { 1 << 14 }
      var generator = Generator(seed: file.name)
      for _ in 0..<16 {
        let count = Int.random(in: 9..<bytes.count, using: &generator)
        #expect(progress(Array(bytes[..<count])) == .needs(atLeast: bytes.count - count), "\(file)")
      }
    }
  }

  @Test func `segments do not change the verdict`() {
    for file in Corpus.files {
      let whole = progress(file.bytes)
      #expect(progress(file.bytes) { 1 } == whole, "\(file)")
      var generator = Generator(seed: file.name)
      for longest in [3, 50, 5000] {
        #expect(progress(file.bytes) { .random(in: 1...longest, using: &generator) } == whole, "\(file)")
      }
    }
  }

  @Test func `a prefix is judged the same at once and byte by byte`() {
    for file in Corpus.smallHellos {
      for count in stride(from: 1, through: file.bytes.count, by: 7) {
        let prefix = Array(file.bytes[..<count])
        #expect(progress(prefix) == progress(prefix) { 1 }, "\(count) of \(file)")
      }
    }
  }

  private static let wellRecorded = Corpus.files.filter { firstMessage($0.bytes)?.isEmpty == false }

  @Test func `records do not change the verdict`() throws {
    for file in Self.wellRecorded {
      let message = try #require(firstMessage(file.bytes))
      let expected = withoutCount(progress(file.bytes))
      #expect(withoutCount(progress(records(message) { 1 })) == expected, "\(file)")
      #expect(withoutCount(progress(records(message) { 1 << 14 })) == expected, "\(file)")
      var generator = Generator(seed: file.name)
      for longest in [5, 300, 1 << 14] {
        let bytes = records(message) { .random(in: 1...longest, using: &generator) }
        #expect(withoutCount(progress(bytes)) == expected, "\(file)")
        #expect(withoutCount(progress(bytes) { .random(in: 1...longest, using: &generator) }) == expected, "\(file)")
      }
    }
  }

  @Test func `most files can be cut into other records`() {
    #expect(Self.wellRecorded.count > Corpus.files.count * 3 / 4)
  }

  @Test func `what follows changes nothing`() throws {
    for file in Corpus.valid {
      let message = try #require(firstMessage(file.bytes))
      var generator = Generator(seed: file.name)
      let rubbish = generator.bytes(100)
      let expected = progress(file.bytes)
      #expect(progress(records(message) { 1 << 14 } + rubbish) == expected, "\(file)")
      #expect(progress(records(message + rubbish) { 1 << 14 }) == expected, "\(file)")
    }
  }

  /// Looking again with each byte at what has come already would take hours.
  @Test(.timeLimit(.minutes(1))) func `the work is linear in the bytes`() throws {
    let largest = try #require(Corpus.hellos.first { $0.name == "max-size.bin" })
    let bytes = records(try #require(firstMessage(largest.bytes))) { 1 }
    #expect(bytes.count == 6 * HelloReader.longestMessage)
    #expect(progress(bytes) { 1 } == progress(largest.bytes))
  }

  /// The message grows by `append(addingCapacity:)`: exact growth would copy it for each byte.
  @Test func `appending byte by byte moves an array a few times only`() {
    var message: [UInt8] = []
    var capacities: Set<Int> = []
    for index in 0..<HelloReader.longestMessage {
      message.append(addingCapacity: 1) { $0.append(UInt8(truncatingIfNeeded: index)) }
      capacities.insert(message.capacity)
    }
    #expect(capacities.count < 32)
  }
}
