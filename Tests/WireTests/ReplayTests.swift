import Foundation
import Testing

/// What the fuzz targets have found, and what failed once, holds without them too.
@Suite struct ReplayTests {
  @Test(arguments: Property.allCases) func `every input that was found has the property`(_ property: Property) throws {
    let inputs = try inputs(of: property)
    #expect(!inputs.isEmpty)
    for input in inputs {
      #expect(throws: Never.self, "\(input.lastPathComponent)") {
        try property.check(Array(Data(contentsOf: input)))
      }
    }
  }

  @Test func `every file of the corpus has the property of a client's bytes`() {
    for file in Corpus.files {
      #expect(throws: Never.self, "\(file)") { try Property.hello.check(file.bytes) }
    }
  }

  private func inputs(of property: Property) throws -> [URL] {
    try FileManager.default.contentsOfDirectory(
      at: Self.root.appending(path: property.rawValue), includingPropertiesForKeys: nil)
  }

  private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .deletingLastPathComponent().appending(path: "Fuzz/Corpus")
}
