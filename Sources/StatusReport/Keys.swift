import Status

// Names for programs, which stay the same from one version to the next: members of JSON and labels of metrics.

extension Stage {
  var key: String {
    switch self {
    case .waitingForHello: "waiting_for_hello"
    case .waitingForBackend: "waiting_for_backend"
    case .relaying: "relaying"
    case .handingOver: "handing_over"
    case .closing: "closing"
    }
  }
}

extension RelayEnd {
  var key: String {
    switch self {
    case .finished: "finished"
    case .resetByClient: "reset_by_client"
    case .resetByBackend: "reset_by_backend"
    case .shortage: "shortage"
    case .stop: "stop"
    }
  }
}

extension Step {
  var key: String {
    switch self {
    case .hello: "hello"
    case .lookUp: "look_up"
    case .connect: "connect"
    }
  }
}

extension Accepting {
  var key: String {
    switch self {
    case .yes: "yes"
    case .atLimit: "at_limit"
    case .afterError: "after_error"
    }
  }
}

extension AcceptTrouble {
  var key: String {
    switch self {
    case .limit: "limit"
    case .error: "error"
    case .gone: "gone"
    }
  }
}

extension LogLine {
  var key: String {
    switch self {
    case .written: "written"
    case .lost: "lost"
    case .leftOut: "left_out"
    case .accessLost: "access_lost"
    }
  }
}

extension ProgramState {
  var key: String {
    switch self {
    case .starting: "starting"
    case .running: "serving"
    case .draining: "draining"
    case .ended: "ended"
    }
  }
}
