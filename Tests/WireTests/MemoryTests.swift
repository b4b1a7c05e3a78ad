import Foundation
import Testing
import Wire

@Suite struct MemoryTests {
  /// In a process of its own, whose memory nothing else changes meanwhile.
  @Test func `a ClientHello of tens of thousands of protocols takes no more memory than twice its bytes`() async {
    await #expect(processExitsWith: .success) {
      let names = [UInt8](repeatElement([1, UInt8(ascii: "x")], count: 32_000).joined())
      let list = [UInt8(names.count >> 8), UInt8(names.count & 0xff)] + names
      let alpn = [0, 16, UInt8(list.count >> 8), UInt8(list.count & 0xff)] + list
      let body = [3, 3] + [UInt8](repeating: 7, count: 32) + [0, 0, 2, 0x13, 1, 1, 0]
      let content = body + [UInt8(alpn.count >> 8), UInt8(alpn.count & 0xff)] + alpn
      let bytes = records([1, 0, UInt8(content.count >> 8), UInt8(content.count & 0xff)] + content) { 1 << 14 }
      #expect(protocolCount(progress(bytes)) == 32_000)
      let before = residentMemory()
      let hellos = (0..<100).map { _ in progress(bytes) }
      #expect(residentMemory() - before < 100 * 2 * bytes.count + 1 << 20)
      withExtendedLifetime(hellos) {}
    }
  }
}

private func protocolCount(_ progress: HelloReader.Progress) -> Int {
  guard case .complete(let hello) = progress else { return 0 }
  return hello.protocols.count
}

/// Bytes, from proc_pid_statm(5).
private func residentMemory() -> Int {
  let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ")[1]
  return (pages.flatMap { Int($0) } ?? 0) * Int(getpagesize())
}
