import Testing

@testable import sniproxy_bench

struct HandoffReportTests {
  @Test func aRatioIsTheMiddleOfThoseOfTheRounds() {
    let results = results(direct: [1, 2, 4], handedOver: [1, 2.2, 3.6], relayed: [0.5, 0.5, 0.5])
    #expect(results.ratio(.speed, of: .download1, to: .direct) == 1)
    #expect(results.ratio(.cpuPerGigabyte, of: .download1, to: .relayed) == 0)
    #expect(results.ratio(.cpuPerGigabyte, of: .download1, to: .direct) == nil, "there is no proxy")
  }

  @Test func theTableSaysWhatIsAimedAt() {
    let results = results(direct: [2], handedOver: [2], relayed: [1])
    #expect(
      HandoffReport(results: results).markdown == """
        | work | figure | handed over to direct | handed over to relayed | aim |
        |---|---|---|---|---|
        | download, 1 connection | GB/s | 1.00 | 2.00 | at least 0.97 of direct |
        | download, 1 connection | CPU s/GB |  | 0.00 | 0 |

        """)
  }

  @Test func theTextFitsTheTerminalAndTellsWhatIsMissed() {
    let text = HandoffReport(results: results(direct: [2], handedOver: [1.9], relayed: [1])).text
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
    #expect(text.contains("MISSED GB/s: 0.950 of direct"))
    #expect(text.contains("met    CPU s/GB: 0.000 of relayed"))
  }

  private func results(direct: [Double], handedOver: [Double], relayed: [Double]) -> HandoffResults {
    let speeds = [(Way.direct, direct), (.handedOver, handedOver), (.relayed, relayed)]
    let measurements = speeds.flatMap { way, speeds in
      speeds.enumerated().map { round, speed in
        let turn = Turn([.speed: speed, .cpuPerGigabyte: way == .relayed ? 0.4 : 0])
        return HandoffMeasurement(
          work: .download1, way: way, round: round, turn: way == .direct ? turn.withoutProxy : turn)
      }
    }
    return HandoffResults(
      date: "2026-01-01", command: "make bench-handoff", kernel: "Linux 6.1", processor: "", nginx: "1.22.1",
      rounds: direct.count, measurements: measurements)
  }
}
