/// Why a client is not served: precise for the log. What the wire shows of it is its `alert`.
package enum Refusal: Error, Equatable, Sendable {
  // Records and handshake framing
  case unexpectedRecord(contentType: UInt8)
  case unexpectedMessage(handshakeType: UInt8)
  case recordOverflow(length: Int)
  case emptyRecord
  case clientHelloTooLong(length: Int)

  // The grammar of the ClientHello
  case truncated(Field)
  case lengthOutOfRange(Field, Int)
  case leftover(Field)

  // Well-formed, but forbidden
  case repeatedExtension(UInt16)
  case repeatedNameType(UInt8)
  case preSharedKeyNotLast

  // The name and its entry in the hosts directory
  case noServerName
  case illegalName(HostName.Flaw)
  case unknownName
  case noSocket
  case noPermission
  case lookUpFailed(code: Int32)

  // Who has a say in where a delegated name leads, by user id
  case socketOfAnother(than: UInt32)
  case severalOwners([UInt32])
  case openToAll

  // The backend
  case backendRefused(BackendSocket)
  case backendTimedOut(BackendSocket)
  case backendFailed(BackendSocket, code: Int32)

  // Fair shares
  case clientLimit
  case hostLimit
  case helloLimit

  // This machine
  case outOfResources(code: Int32)

  // The client was too slow, or left
  case helloTimedOut
  case hungUp
}

/// A part of the ClientHello, by the name that RFC 8446, RFC 6066 or RFC 7301 gives it.
package enum Field: Equatable, Sendable {
  case clientHello
  case legacyVersion
  case random
  case legacySessionID
  case cipherSuites
  case legacyCompressionMethods
  case extensions
  case `extension`(UInt16)
  case serverNameList
  case serverName
  case protocolNameList
  case protocolName
}

extension Refusal {
  /// What the client is told; nil where the connection is closed without an alert.
  package var alert: Alert? { kind.alert }
}
