/// A metric with all its samples, as Prometheus' text format groups them.
package struct MetricFamily {
  package enum Kind: String { case counter, gauge, histogram }

  package let name: String
  package let kind: Kind
  package let help: String
  package var samples: [Sample]

  package init(_ kind: Kind, _ name: String, _ help: String, _ samples: [Sample] = []) {
    self.kind = kind
    self.name = name
    self.help = help
    self.samples = samples
  }

  package init(_ kind: Kind, _ name: String, _ help: String, _ value: Value) {
    self.init(kind, name, help, [Sample([], value)])
  }

  package struct Sample {
    let labels: [Label]
    let value: Value

    package init(_ labels: [Label], _ value: Value) {
      self.labels = labels
      self.value = value
    }
  }

  package typealias Label = (name: String, value: String)

  package enum Value {
    case count(UInt64)
    case number(Double)
    case distribution(Distribution)
  }
}

extension [MetricFamily] {
  /// Prometheus' text format 0.0.4: "Exposition formats" in its documentation.
  package var exposition: String {
    var text = ""
    for family in self {
      text += "# HELP \(family.name) \(escaped(family.help, quotes: false))\n"
      text += "# TYPE \(family.name) \(family.kind.rawValue)\n"
      for sample in family.samples { sample.write(family.name, to: &text) }
    }
    return text
  }
}

extension MetricFamily.Sample {
  fileprivate func write(_ name: String, to text: inout String) {
    switch value {
    case .count(let count): line(name, labels, "\(count)", to: &text)
    case .number(let number): line(name, labels, plain(number), to: &text)
    case .distribution(let distribution):
      var below: UInt64 = 0
      for (bound, count) in zip(distribution.bounds.map(plain) + ["+Inf"], distribution.counts) {
        below &+= count
        line("\(name)_bucket", labels + [("le", bound)], "\(below)", to: &text)
      }
      line("\(name)_sum", labels, plain(distribution.sum), to: &text)
      // Of the same buckets: they are counted one after the other, and the greatest bucket must be all.
      line("\(name)_count", labels, "\(below)", to: &text)
    }
  }

  private func line(_ name: String, _ labels: [MetricFamily.Label], _ value: String, to text: inout String) {
    text += name
    if !labels.isEmpty {
      text += "{\(labels.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }.joined(separator: ","))}"
    }
    text += " \(value)\n"
  }
}

/// "label_value can be any sequence of UTF-8 characters, but the backslash (\), double-quote ("), and line feed (\n)
/// characters have to be escaped"; in a help text, backslash and line feed.
private func escaped(_ text: String, quotes: Bool) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\\": result += "\\\\"
    case "\n": result += "\\n"
    case "\"" where quotes: result += "\\\""
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}

/// Without a fraction where there is none, as other programs write it: 10, not 10.0.
func plain(_ number: Double) -> String {
  let text = "\(number)"
  return text.hasSuffix(".0") ? String(text.dropLast(2)) : text
}
