import StatusReport
import Testing

/// Numbers as people read them.
@Suite struct QuantityTests {
  @Test func `counts have groups of three digits, and big ones a unit`() {
    let expected: [(UInt64, String)] = [
      (0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567"), (999_999_999, "999,999,999"),
      (1_000_000_000, "1.0 G"), (.max, "18.4 E"),
    ]
    for (count, text) in expected { #expect(Quantity.count(count) == text) }
  }

  @Test func `bytes are in powers of a thousand`() {
    let expected = [
      (0.0, "0 B"), (999, "999 B"), (999.6, "1.0 kB"), (1000, "1.0 kB"), (1_250_000, "1.3 MB"), (999_960_000, "1.0 GB"),
      (1.5e20, "150.0 EB"),
    ]
    for (bytes, text) in expected { #expect(Quantity.bytes(bytes) == text) }
  }

  @Test func `rates have a digit while it matters`() {
    let expected = [
      (0.0, "0"), (0.01, "< 0.1"), (0.25, "0.3"), (12.34, "12.3"), (999.94, "999.9"), (999.96, "1,000"),
      (12345.6, "12,346"), (.infinity, "1.0 E"), (-1, "0"),
    ]
    for (rate, text) in expected { #expect(Quantity.rate(rate) == text) }
  }

  @Test func `times have the unit that fits`() {
    let expected = [
      (0.0, "0.0 us"), (0.0000034, "3.4 us"), (0.000085, "85 us"), (0.00099996, "1.0 ms"), (0.0123, "12.3 ms"),
      (0.25, "250 ms"), (0.9996, "1.0 s"), (4.56, "4.6 s"),
    ]
    for (time, text) in expected { #expect(Quantity.time(time) == text) }
  }

  @Test func `ages have at most two units`() {
    let expected = [
      (-5.0, "0 s"), (0.9, "0 s"), (59.9, "59 s"), (60, "1 min"), (303, "5 min 3 s"), (11520, "3 h 12 min"),
      (3601, "1 h"), (190_900, "2 d 5 h"),
    ]
    for (age, text) in expected { #expect(Quantity.age(age) == text) }
  }
}
