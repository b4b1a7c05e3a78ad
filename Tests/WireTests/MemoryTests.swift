import Foundation
import Testing
import Wire

@Suite struct MemoryTests {
  /// In a process of its own, whose memory nothing else changes meanwhile.
  @Test func `a ClientHello of many short protocols takes no more memory than one of a few long ones`() async {
    await #expect(processExitsWith: .success) {
      let few = hello(protocols: 250, of: 255)
      let many = hello(protocols: 32_000, of: 1)
      #expect(few.count == many.count)
      let start = residentMemory()
      let first = (0..<100).map { _ in progress(few) }
      let middle = residentMemory()
      let second = (0..<100).map { _ in progress(many) }
      #expect(residentMemory() - middle < 2 * (middle - start))
      #expect(protocolCount(first[0]) == 250)
      #expect(protocolCount(second[0]) == 32_000)
    }
  }
}

/// In records, with an ALPN extension only.
private func hello(protocols count: Int, of length: Int) -> [UInt8] {
  let name = [UInt8(length)] + [UInt8](repeating: UInt8(ascii: "p"), count: length)
  let names = [UInt8](repeatElement(name, count: count).joined())
  let alpn = [0, 16] + withLength(withLength(names))
  let body = [3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0x13, 1, 1, 0] + withLength(alpn)
  return records([1, 0] + withLength(body)) { 1 << 14 }
}

private func withLength(_ bytes: [UInt8]) -> [UInt8] { [UInt8(bytes.count >> 8), UInt8(bytes.count & 0xff)] + bytes }

private func protocolCount(_ progress: HelloReader.Progress) -> Int? {
  guard case .complete(let hello) = progress else { return nil }
  return hello.protocols.count
}

/// Bytes, from proc_pid_statm(5).
private func residentMemory() -> Int {
  let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")[1]
  return (pages.flatMap { Int($0) } ?? 0) * Int(getpagesize())
}
