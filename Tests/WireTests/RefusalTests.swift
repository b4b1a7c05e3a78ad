import Foundation
import Testing
import Wire

@Suite struct RefusalTests {
  private static let table: [(Refusal, Alert?)] = [
    (.unexpectedRecord(contentType: 23), .unexpectedMessage),
    (.unexpectedMessage(handshakeType: 2), .unexpectedMessage),
    (.recordOverflow(length: 16_385), .recordOverflow),
    (.emptyRecord, .decodeError),
    (.clientHelloTooLong(length: 65_537), .decodeError),
    (.truncated(.random), .decodeError),
    (.lengthOutOfRange(.legacySessionID, 33), .decodeError),
    (.leftover(.clientHello), .decodeError),
    (.repeatedExtension(0), .illegalParameter),
    (.repeatedNameType(0), .illegalParameter),
    (.preSharedKeyNotLast, .illegalParameter),
    (.noServerName, .missingExtension),
    (.illegalName(.empty), .unrecognizedName),
    (.unknownName, .unrecognizedName),
    (.noSocket, .unrecognizedName),
    (.noPermission, .unrecognizedName),
    (.lookUpFailed(code: 5), .internalError),
    (.backendRefused(.relay), .internalError), (.backendRefused(.handoff), .internalError),
    (.backendTimedOut(.relay), .internalError), (.backendTimedOut(.handoff), .internalError),
    (.backendFailed(.relay, code: 24), .internalError),
    (.outOfResources(code: 12), .internalError),
    (.helloTimedOut, nil),
    (.hungUp, nil),
  ]

  @Test(arguments: table) func `a refusal has its alert`(_ refusal: Refusal, _ alert: Alert?) {
    #expect(refusal.alert == alert)
  }

  private static let numbers: [(Alert, UInt8)] = [
    (.unexpectedMessage, 10), (.recordOverflow, 22), (.illegalParameter, 47), (.decodeError, 50), (.internalError, 80),
    (.missingExtension, 109), (.unrecognizedName, 112),
  ]

  @Test(arguments: numbers) func `an alert is fatal and alone in a record of version 0x0303`(
    _ alert: Alert, _ number: UInt8
  ) {
    #expect(alert.record == [0x15, 0x03, 0x03, 0x00, 0x02, 0x02, number])
  }

  private static let precise: [(String, Refusal)] = [
    ("unexpected_message/alert.bin", .unexpectedRecord(contentType: 21)),
    ("unexpected_message/http.bin", .unexpectedRecord(contentType: UInt8(ascii: "G"))),
    ("unexpected_message/server-hello.bin", .unexpectedMessage(handshakeType: 2)),
    ("record_overflow/16385-header.bin", .recordOverflow(length: 16_385)),
    ("decode_error/empty-record.bin", .emptyRecord),
    ("decode_error/hello-65537-header.bin", .clientHelloTooLong(length: 65_537)),
    ("decode_error/ends-in-version.bin", .truncated(.legacyVersion)),
    ("decode_error/ends-in-random.bin", .truncated(.random)),
    ("decode_error/ends-in-suites.bin", .truncated(.cipherSuites)),
    ("decode_error/session-id-33.bin", .lengthOutOfRange(.legacySessionID, 33)),
    ("decode_error/suites-none.bin", .lengthOutOfRange(.cipherSuites, 0)),
    ("decode_error/suites-3-bytes.bin", .truncated(.cipherSuites)),
    ("decode_error/compression-none.bin", .lengthOutOfRange(.legacyCompressionMethods, 0)),
    ("decode_error/after-extensions-1-byte.bin", .leftover(.clientHello)),
    ("decode_error/sni-empty.bin", .truncated(.serverNameList)),
    ("decode_error/sni-list-empty.bin", .lengthOutOfRange(.serverNameList, 0)),
    ("decode_error/sni-name-empty.bin", .lengthOutOfRange(.serverName, 0)),
    ("decode_error/sni-stray-byte-after-list.bin", .leftover(.extension(0))),
    ("decode_error/alpn-list-empty.bin", .lengthOutOfRange(.protocolNameList, 0)),
    ("decode_error/alpn-name-empty-alone.bin", .lengthOutOfRange(.protocolNameList, 1)),
    ("decode_error/alpn-name-empty-first.bin", .lengthOutOfRange(.protocolName, 0)),
    ("decode_error/alpn-stray-byte-after-list.bin", .leftover(.extension(16))),
    ("decode_error/extensions-missing-body.bin", .truncated(.extension(0x1234))),
    ("illegal_parameter/server-name-adjacent.bin", .repeatedExtension(0)),
    ("illegal_parameter/type-65535.bin", .repeatedExtension(65_535)),
    ("illegal_parameter/host-names-equal.bin", .repeatedNameType(0)),
    ("illegal_parameter/names-of-type-255.bin", .repeatedNameType(255)),
    ("illegal_parameter/psk-first.bin", .preSharedKeyNotLast),
  ]

  @Test(arguments: precise) func `a refusal tells the field and the number`(_ name: String, _ refusal: Refusal) throws {
    let file = try #require(Corpus.files.first { "\($0)" == name })
    #expect(progress(file.bytes) == .refused(refusal))
  }

  @Test(arguments: ["man/sniproxy-status.1", "man/sniproxy.8"])
  func `each reason is told to who reads the log`(_ page: String) throws {
    let package = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "../..")
    let text = try String(contentsOf: package.appending(path: page), encoding: .utf8)
    let words = Set(text.split { !$0.isLetter && !$0.isNumber && $0 != "_" })
    let missing = Refusal.Kind.allCases.map(\.key).filter { !words.contains($0[...]) }
    #expect(missing.isEmpty)
  }
}
