import Relay
import Testing
import Wire

@Suite struct EntryNameTests {
  @Test func plainIsTheNameItself() throws {
    #expect(try HostName(Array("Www.Example.COM".utf8)[...]).entryName(hashed: false) == Array("www.example.com".utf8))
  }

  // printf %s example.com | sha256sum
  @Test func hashedIsWhatSha256sumSays() throws {
    let expected = "a379a6f6eeafb9a55e378c118034e2751e682fab9f2d30ab13d2125586ce1947"
    #expect(try HostName(Array("EXAMPLE.com".utf8)[...]).entryName(hashed: true) == Array(expected.utf8))
  }
}
