import Foundation

/// A page of the documentation with commands that are tried. What a fence of code says after its language is not shown to the
/// reader:
///
/// - ```` ```sh recipe=NAME ```` : commands of this recipe, which follow each other in the order of the page. Each block has a shell
///   of its own and must succeed. More words: `user=NAME`, who types it (root otherwise); `status=N`, the exit status that it must
///   have; `again`, for what comes only after a moment: it is typed again until it prints what it should.
/// - ```` ```console recipe=NAME ````: commands, each after a `$`, and what they print, whatever their exit status.
/// - ```` ```text recipe=NAME ````: what the block before it prints, where `...` stands for anything within a line.
struct Page {
  /// What is typed at once.
  struct Step {
    let recipe: String
    let commands: String
    /// The line of the page where it begins.
    let line: Int
    var user: String?
    /// Nil for any.
    var status: Int32? = 0
    var again = false
    var output: String?
  }

  /// Its path in the package.
  let name: String
  let steps: [Step]

  /// The lines of the fences that belong to no recipe.
  let unclaimed: [Int]

  /// - Parameter section: the heading below which `unclaimed` looks, or the whole page
  init(_ path: String, section: String? = nil) throws {
    name = path
    let text = try String(contentsOfFile: "\(Program.package)/\(path)", encoding: .utf8)
    var steps: [Step] = []
    var unclaimed: [Int] = []
    var heading = ""
    var block: (words: [Substring], line: Int, content: [Substring])?
    for (number, line) in zip(1..., text.split(separator: "\n", omittingEmptySubsequences: false)) {
      if line.hasPrefix("```"), let ended = block {
        block = nil
        let content = ended.content.joined(separator: "\n") + "\n"
        if ended.words.first == "text", let name = ended.words.value("recipe") {
          guard let last = steps.indices.last, steps[last].recipe == name, steps[last].output == nil else {
            throw Failure("line \(ended.line): no commands of \(name) that print this")
          }
          steps[last].output = content
        } else if ended.words.first == "console", let name = ended.words.value("recipe") {
          steps += Step.console(name, ended.content, ended.line)
        } else if let name = ended.words.value("recipe") {
          steps.append(try Step(name, content, ended.line, ended.words))
        } else if section == nil || section == heading {
          unclaimed.append(ended.line)
        }
      } else if line.hasPrefix("```") {
        block = (line.dropFirst(3).split(separator: " "), number, [])
      } else if block != nil {
        block?.content.append(line)
      } else if line.hasPrefix("## ") {
        heading = String(line.dropFirst(3))
      }
    }
    self.steps = steps
    self.unclaimed = unclaimed
  }
}

extension Page.Step {
  fileprivate init(_ recipe: String, _ commands: String, _ line: Int, _ words: [Substring]) throws {
    self.init(recipe: recipe, commands: commands, line: line)
    for word in words.dropFirst() where !word.hasPrefix("recipe=") {
      switch word.split(separator: "=").map(String.init) {
      case ["again"]: again = true
      case let pair where pair.count == 2 && pair[0] == "user": user = pair[1]
      case let pair where pair.count == 2 && pair[0] == "status" && Int32(pair[1]) != nil: status = Int32(pair[1])!
      default: throw Failure("line \(line): \(word) says nothing about commands")
      }
    }
  }

  /// What is typed at the prompts of a block that shows a terminal.
  fileprivate static func console(_ recipe: String, _ shown: [Substring], _ line: Int) -> [Self] {
    shown.reduce(into: []) { steps, text in
      if text.hasPrefix("$ ") {
        steps.append(Self(recipe: recipe, commands: "\(text.dropFirst(2))\n", line: line, status: nil, output: ""))
      } else if !steps.isEmpty {
        steps[steps.count - 1].output! += "\(text)\n"
      }
    }
  }

  /// Whether this is what the page says that it prints.
  func prints(_ printed: String) -> Bool {
    guard let output else { return true }
    let pattern = output.components(separatedBy: "...").map(NSRegularExpression.escapedPattern).joined(separator: ".*")
    return printed.range(of: "\\A\(pattern)\\z", options: .regularExpression) != nil
  }
}

extension [Substring] {
  fileprivate func value(_ key: String) -> String? {
    first { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.count + 1)) }
  }
}
