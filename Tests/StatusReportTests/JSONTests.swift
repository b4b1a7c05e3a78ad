import StatusReport
import Testing

@Suite struct JSONTests {
  @Test func `members keep their order, and small ones a line`() {
    let json = JSON.object([
      ("b", .count(1)), ("a", .object([("x", .number(0.5)), ("y", .number(2)), ("z", .null)])),
      ("list", .array([.object([("k", .bool(true))]), .object([])])),
    ])
    #expect(
      json.description == """
        {
          "b": 1,
          "a": {"x": 0.5, "y": 2, "z": null},
          "list": [
            {"k": true},
            {}
          ]
        }
        """)
  }

  @Test func `text is escaped, and numbers are finite`() {
    #expect(JSON.text("\"\\\n\u{1b}ü").description == #""\"\\\u000a\u001bü""#)
    #expect(JSON.number(.infinity).description == "null")
  }
}
