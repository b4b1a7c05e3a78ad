import Testing

@testable import sniproxy_soak

struct SoakTests {
  @Test(arguments: [Request.Place.unix, .ip4(address: 0x7f00_0002, port: 65_535, server: 443)])
  func aRequestIsReadAsItWasWritten(client: Request.Place) {
    let request = Request(
      .uploadAfterEnd, number: 1 << 60, up: 5_000_000_000, down: 7, halfCloses: true, hello: [22, 3, 1], client: client)
    #expect(request.bytes.count == Request.size)
    #expect(Request(request.bytes) == request)
    #expect(Request(request.bytes.dropLast()) == nil)
    #expect(Request([0] + request.bytes.dropFirst()) == nil)
  }

  @Test func onlyLinesThatBelongThereAreNoStrangers() {
    let expected = """
      sniproxy: listening on 127.0.0.1:40000
      sniproxy: listening on unix:/tmp/listener
      sniproxy: 127.0.0.7:50112: mortal.soak.test: refused with alert 80: nobody listens on tls-socket
      sniproxy: 127.0.0.7:50112: closed: no complete ClientHello in time
      sniproxy: log: 341 lines about clients left out: too many at once
      sniproxy: accept: paused: 192 connections are open, see --max-connections
      sniproxy: stopping: got SIGTERM
      sniproxy: stopped: 0 connections cut
      """
    #expect(LogRules.strangers(expected.split(separator: "\n")) == [])
    let strangers = """
      sniproxy: stopped: 1 connection cut
      sniproxy: 127.0.0.7:50112: plain.soak.test: refused with alert 80: nobody listens on tls-socket
      sniproxy: accept: paused for a moment: Too many open files (EMFILE)
      sniproxy: log: 12 lines lost: they could not be written in time
      Fatal error
      """.split(separator: "\n")
    #expect(LogRules.strangers(strangers) == strangers)
  }

  @Test func growthIsToldOfDescriptorsAndMemory() {
    let before = Vitals(descriptors: 10, pipes: 4, pss: 5000, anonymous: 3000, resident: 9000)
    #expect(before.growth(since: before, seconds: 240).isEmpty)
    // Pages of files that others map too, and pipes, come and go.
    #expect(
      Vitals(descriptors: 10, pipes: 2, pss: 9000, anonymous: 2000, resident: 19_000).growth(
        since: before, seconds: 240
      ).isEmpty)
    #expect(
      Vitals(descriptors: 11, pipes: 4, pss: 5000, anonymous: 3000, resident: 9000).growth(since: before, seconds: 240)
        .count == 1)
    #expect(
      Vitals(descriptors: 10, pipes: 4, pss: 9000, anonymous: 7000, resident: 9000)
        .growth(since: before, seconds: 240).count == 1)
    let aBitMore = Vitals(descriptors: 10, pipes: 4, pss: 9000, anonymous: 4000, resident: 9000)
    #expect(aBitMore.growth(since: before, seconds: 240).count == 1)
    #expect(aBitMore.growth(since: before, seconds: 6).isEmpty)
  }
}
