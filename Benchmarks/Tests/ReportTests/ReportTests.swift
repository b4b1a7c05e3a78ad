import Foundation
import FoundationXML
import Testing

@testable import sniproxy_bench

struct ReportTests {
  @Test func aConfigurationHasTheLinesOfItsProgramAndTheValues() throws {
    let template = "a @PORT@\n@haproxy@b\n@haproxy-tuned@  c @BACKEND@\nd@@BACKEND@\n"
    let program = try #require(Program.named("haproxy-tuned"))
    let filled = configuration(for: program, from: template, values: ["PORT": "1", "BACKEND": "/x"])
    #expect(filled == "a 1\n  c /x\nd@/x\n")
  }

  @Test func theBestIsTheBestOfAllPeersFigureByFigure() throws {
    let results = results(ours: 6, haproxy: 2, tuned: 4, cpu: (0.1, 0.25, 0.2))
    let verdicts = results.verdicts(of: .download1)
    #expect(verdicts.map(\.rival?.name) == ["haproxy-tuned", "haproxy-tuned"])
    #expect(verdicts.map(\.ratio) == [1.5, 0.5])
    #expect(verdicts.map(\.untunedRatio) == [3, 0.4])
    #expect(verdicts.map(\.isMet) == [false, true])
  }

  @Test func theChartIsWellFormedAndSaysItInWordsToo() throws {
    let chart = Chart(results: results(ours: 6, haproxy: 2, tuned: 4, cpu: (0.1, 0.25, 0.2)))
    #expect(XMLParser(data: Data(chart.svg.utf8)).parse())
    #expect(chart.svg.contains("Download, 1 stream, speed: 1.50 times as good as the best of the others."))
    #expect(chart.rows.count == 2)
    // Better is to the right for what shall be much and for what shall be little.
    #expect(chart.rows.map { $0.points.map(\.goodness) } == [[1.5, 0.5, 1], [2, 0.8, 1]])
  }

  @Test func theAxisHoldsAllThatIsShown() {
    let axis = Axis([0.07, 1, 19])
    #expect(axis.ticks.first == 1 / 16 && axis.ticks.last == 32)
    #expect(axis.x(1) > axis.x(0.07) && axis.x(19) < axis.x(32))
    #expect(Axis.label(0.25) == "1/4" && Axis.label(8) == "8")
  }

  @Test func tablesFitTheTerminal() {
    let text = TextReport(results: results(ours: 6, haproxy: 2, tuned: 4, cpu: (0.1, 0.25, 0.2))).text
    #expect(text.split(separator: "\n").allSatisfy { $0.count <= 100 })
  }

  private func results(
    ours: Double, haproxy: Double, tuned: Double, cpu: (Double, Double, Double)
  ) -> Results {
    let figures = [("sniproxy", ours, cpu.0), ("haproxy", haproxy, cpu.1), ("haproxy-tuned", tuned, cpu.2)]
    let measurements = figures.map { name, speed, cost in
      Measurement(
        work: .download1, program: name, round: 0, turn: Turn([.speed: speed, .cpuPerGigabyte: cost]))
    }
    return Results(
      date: "2026-01-01", command: "make bench", kernel: "Linux 6.1", processor: "", versions: [], rounds: 1,
      measurements: measurements, growth: [])
  }
}
