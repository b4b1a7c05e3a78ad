import Wire

/// A session remembers what has happened to it, and not in which order: each of its answers is a matter of that.
func checkLife(_ bytes: [UInt8]) throws(Violation) {
  var state = RelayState()
  var past = Past()
  for byte in bytes {
    let before = (state, past)
    switch byte % 6 {
    case 0:
      past.uploadEnded = true
      state.uploadEnded()
    case 1:
      past.uploadBroke = true
      state.uploadBroke()
    case 2:
      past.downloadEnded = true
      state.downloadEnded()
    case 3:
      past.downloadBroke = true
      state.downloadBroke()
    case 4:
      past.backendReset = true
      state.backendReset()
    default:
      past.clientReset = true
      state.clientReset()
    }
    try demand(past.explains(state), "after \(past): \(state), \(String(describing: state.ending))")
    try demand(before.0.ending == nil || state.ending != nil, "over, and then no longer: \(past)")
    try demand(before.1 != past || before.0 == state, "the second time changes something: \(past)")
  }
}

private struct Past: Equatable {
  var uploadEnded = false
  var uploadBroke = false
  var downloadEnded = false
  var downloadBroke = false
  var backendReset = false
  var clientReset = false

  func explains(_ state: RelayState) -> Bool {
    let isUploadOver = uploadEnded || uploadBroke || backendReset
    let isDownloadOver = downloadEnded || downloadBroke
    // The client is read to its end, whoever takes it; the backend while there is anybody to take it.
    guard state.readsClient == !uploadEnded, state.readsBackend == !isDownloadOver else { return false }
    guard (state.upload == .open) == !isUploadOver, (state.download == .open) == !isDownloadOver else { return false }
    guard state.passesEndToClient == !backendReset, state.clientWasReset == clientReset else { return false }
    let ending: RelayState.Ending? =
      if clientReset {
        .close
      } else if !isUploadOver || !isDownloadOver {
        nil
      } else if downloadEnded && backendReset {
        .reset
      } else if downloadEnded && !uploadEnded {
        .linger
      } else {
        .close
      }
    return state.ending == ending
  }
}
