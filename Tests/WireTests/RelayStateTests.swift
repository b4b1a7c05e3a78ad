import Testing
import Wire

@Suite struct RelayStateTests {
  private enum Event: CaseIterable {
    case uploadEnded, uploadBroke, downloadEnded, downloadBroke, backendReset, clientReset

    func apply(to state: inout RelayState) {
      switch self {
      case .uploadEnded: state.uploadEnded()
      case .uploadBroke: state.uploadBroke()
      case .downloadEnded: state.downloadEnded()
      case .downloadBroke: state.downloadBroke()
      case .backendReset: state.backendReset()
      case .clientReset: state.clientReset()
      }
    }
  }

  /// Visits every sequence of at most that many events: the state before the last one, the sequence, the state after it.
  private func walk(
    _ length: Int, from state: RelayState = RelayState(), after events: [Event] = [],
    _ visit: (RelayState, [Event], RelayState) -> Void
  ) {
    guard length > 0 else { return }
    for event in Event.allCases {
      var next = state
      event.apply(to: &next)
      visit(state, events + [event], next)
      walk(length - 1, from: next, after: events + [event], visit)
    }
  }

  @Test func `a session goes on until the client is gone or both directions have ended`() {
    #expect(RelayState().ending == nil)
    walk(6) { _, events, state in
      let uploadIsOver = events.contains { [.uploadEnded, .uploadBroke, .backendReset].contains($0) }
      let downloadIsOver = events.contains { [.downloadEnded, .downloadBroke].contains($0) }
      let isOver = events.contains(.clientReset) || uploadIsOver && downloadIsOver
      #expect((state.ending != nil) == isOver, "\(events)")
    }
  }

  @Test func `once over, a session stays over`() {
    walk(6) { before, events, after in #expect(before.ending == nil || after.ending != nil, "\(events)") }
  }

  @Test func `a direction never opens again, and one that has ended stays so`() {
    walk(6) { before, events, after in
      for (before, after) in [(before.upload, after.upload), (before.download, after.download)] {
        #expect(before == .open || after != .open, "\(events)")
        #expect(before != .ended || after == .ended, "\(events)")
      }
    }
  }

  @Test func `a direction ends by its own events only, and the upload by a reset of the backend`() {
    walk(6) { _, events, state in
      let uploadBroke = events.contains(.uploadBroke) || events.contains(.backendReset)
      #expect(state.upload == flow(ended: events.contains(.uploadEnded), broke: uploadBroke), "\(events)")
      let downloadBroke = events.contains(.downloadBroke)
      #expect(state.download == flow(ended: events.contains(.downloadEnded), broke: downloadBroke), "\(events)")
    }
  }

  /// The end of what comes says more than that nobody takes it.
  private func flow(ended: Bool, broke: Bool) -> RelayState.Flow { ended ? .ended : broke ? .broken : .open }

  @Test func `an end of stream is passed on to the client unless the backend was reset`() {
    walk(6) { _, events, state in
      #expect(state.passesEndToClient == !events.contains(.backendReset), "\(events)")
    }
  }

  @Test func `a client's reset closes at once, whatever else happened`() {
    walk(6) { _, events, state in
      #expect(state.clientWasReset == events.contains(.clientReset))
      if state.clientWasReset { #expect(state.ending == .close, "\(events)") }
    }
  }

  @Test func `a backend's reset is passed on once the client has every byte, and only then`() {
    walk(6) { _, events, state in
      let isDue =
        events.contains(.backendReset) && events.contains(.downloadEnded) && !events.contains(.clientReset)
      #expect((state.ending == .reset) == isDue, "\(events)")
    }
  }

  @Test func `a session lingers only where the client may be sending what nobody takes`() {
    walk(6) { _, events, state in
      let mayLinger =
        state.upload == .broken && state.download == .ended && !events.contains(.backendReset)
        && !events.contains(.clientReset)
      #expect((state.ending == .linger) == mayLinger, "\(events)")
    }
  }

  @Test func `two directions that end in order are closed, in either order`() {
    for events: [Event] in [[.uploadEnded, .downloadEnded], [.downloadEnded, .uploadEnded]] {
      var state = RelayState()
      events[0].apply(to: &state)
      #expect(state.ending == nil)
      events[1].apply(to: &state)
      #expect(state.ending == .close)
    }
  }
}
