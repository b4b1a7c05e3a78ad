import Glibc
import NIOHTTP1

/// What an HTTP client asks for, as far as it matters here.
struct Question: Equatable {
  let method: HTTPMethod
  /// Without the query.
  let path: String
  let isWellFormed: Bool

  init(_ head: HTTPRequestHead) {
    method = head.method
    var target = head.uri[...]
    // RFC 9112, section 3.2.2: "a server MUST accept the absolute-form in requests even though most HTTP/1.1 clients will
    // only send the absolute-form to a proxy."
    if target.hasPrefix("http://") {
      target = target.dropFirst("http://".count)
      target = target.firstIndex(of: "/").map { target[$0...] } ?? "/"
    }
    path = String(target.prefix { $0 != "?" })
    // RFC 9112, section 3.2: "A server MUST respond with a 400 (Bad Request) status code to any HTTP/1.1 request message
    // that lacks a Host header field and to any request message that contains more than one Host header field line".
    let hosts = head.headers["Host"].count
    isWellFormed = hosts == 1 || hosts == 0 && head.version == .http1_0
  }
}

/// What an HTTP client gets.
struct Answer {
  let status: HTTPResponseStatus
  let headers: [(String, String)]
  let body: String

  static func text(_ status: HTTPResponseStatus, _ body: String, _ more: (String, String)...) -> Answer {
    Answer(status: status, headers: [("Content-Type", "text/plain; charset=utf-8")] + more, body: body)
  }

  static func page(_ body: String) -> Answer {
    Answer(
      status: .ok,
      headers: [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Security-Policy", "default-src 'none'"),
        ("X-Content-Type-Options", "nosniff"),
      ], body: body)
  }

  /// The text format of Prometheus, in its only version.
  static func metrics(_ body: String) -> Answer {
    Answer(status: .ok, headers: [("Content-Type", "text/plain; version=0.0.4; charset=utf-8")], body: body)
  }
}

extension Question {
  /// The one table of what is where.
  func answer(metrics: () -> String, page: () -> String) -> Answer {
    guard isWellFormed else { return .text(.badRequest, "one Host field is wanted\n") }
    guard ["/", "/metrics"].contains(path) else { return .text(.notFound, "there is only /metrics\n") }
    guard method == .GET || method == .HEAD else {
      return .text(.methodNotAllowed, "GET and HEAD only\n", ("Allow", "GET, HEAD"))
    }
    return path == "/metrics" ? .metrics(metrics()) : .page(page())
  }
}

/// The time of day as RFC 9110, section 5.6.7, has it: "Sun, 06 Nov 1994 08:49:37 GMT". The corresponding C functions are
/// `time` and `gmtime_r`.
func httpDate() -> String {
  var now = time(nil)
  var parts = unsafe tm()
  unsafe gmtime_r(&now, &parts)
  let time = unsafe [parts.tm_hour, parts.tm_min, parts.tm_sec].map(twoDigits).joined(separator: ":")
  let date = unsafe "\(twoDigits(parts.tm_mday)) \(months[Int(parts.tm_mon)]) \(parts.tm_year + 1900)"
  return unsafe "\(days[Int(parts.tm_wday)]), \(date) \(time) GMT"
}

private let days = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"]
private let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]

private func twoDigits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
