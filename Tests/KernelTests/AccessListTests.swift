import Foundation
import Testing

@testable import Kernel

@Suite struct AccessListTests {
  private static func entry(_ tag: UInt8, _ permissions: UInt8, _ id: [UInt8] = [255, 255, 255, 255]) -> [UInt8] {
    [tag, 0, permissions, 0] + id
  }

  private static let version: [UInt8] = [2, 0, 0, 0]

  @Test func `what a list says`() throws {
    let bytes =
      Self.version + Self.entry(1, 6) + Self.entry(2, 7, [0x88, 0x13, 0, 0]) + Self.entry(4, 4)
      + Self.entry(8, 1, [1, 2, 3, 4]) + Self.entry(16, 5) + Self.entry(32, 0)
    let list = try #require(AccessList(bytes))
    #expect(list.mask == 5)
    #expect(list.entries.map(\.subject) == [.user(5000), .owningGroup, .group(0x0403_0201)])
    #expect(list.entries.map(\.permissions) == [7, 4, 1])
  }

  @Test(arguments: [
    [], version, [3, 0, 0, 0] + entry(16, 7), version + entry(1, 7) + entry(4, 7) + entry(32, 7),
    version + entry(16, 7).dropLast(), version + entry(16, 7) + [0], version + entry(64, 7) + entry(16, 7),
  ])
  func `what is none, or says no more than the mode`(bytes: [UInt8]) {
    #expect(AccessList(bytes) == nil)
  }

  @Test(.enabled(if: FileManager.default.isExecutableFile(atPath: "/usr/bin/setfacl"), "setfacl is not installed"))
  func `the list of a directory, and none`() throws {
    let folder = TemporaryDirectory()
    #expect(try Directory(path: folder.path).accessList == nil)
    let done = try Process.run(
      URL(filePath: "/usr/bin/setfacl"), arguments: ["-m", "u:5000:rx,m::r", folder.path])
    done.waitUntilExit()
    let list = try #require(try Directory(path: folder.path).accessList)
    #expect(list.mask == 4 && list.entries.map(\.subject) == [.user(5000), .owningGroup])
    #expect(list.entries.first?.permissions == 5)
  }
}
