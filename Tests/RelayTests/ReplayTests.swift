import Foundation
import Testing

/// What the fuzz target of connections has found, and what failed once, holds without it too.
@Suite struct ReplayTests {
  @Test func `every script that was found is played to its proper end`() throws {
    let scripts = try FileManager.default.contentsOfDirectory(at: Self.root, includingPropertiesForKeys: nil)
    #expect(!scripts.isEmpty)
    for script in scripts {
      #expect(throws: Never.self, "\(script.lastPathComponent)") {
        try checkCrossing(Array(Data(contentsOf: script)))
      }
    }
  }

  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fuzz/Corpus/crossing")
}
