/// The order in which a runtime may make its requests, as a state machine. Source: `spec/runtime-api.md` section 1 and
/// the table of its errors.
///
/// Generic over what identifies an event and a parked `next` request, so that tests need no sockets. Its states own
/// nothing but identifiers, so the type is copyable and a refused event simply leaves the state as it is.
struct RuntimeProtocol<EventID: Equatable, Connection: Equatable> {
    private enum State {
        /// The runtime has not asked for an event yet. Next: `waiting`, `awaitingRestoration`, `initialisationFailed`.
        case starting
        /// It has initialised, and is not to go on in this environment but in copies of it.
        case awaitingRestoration
        /// It is a copy, which may have asked whether it is. Next: `restored`, `waiting`.
        case restoring
        /// It was told that it is a copy, and does what it has to do then. Next: `waiting`, `initialisationFailed`.
        case restored
        /// A `next` request is parked. Next: `running`, `detached`.
        case waiting(Connection)
        /// The runtime was waiting, but its connection is gone. Next: `waiting`, `assigned`.
        case detached
        /// An event waits for a detached runtime's `next`. Next: `running`.
        case assigned(EventID)
        /// The runtime has the event. Next: `answering`, `answered`.
        case running(EventID)
        /// The runtime has begun to stream its response. Next: `answered`.
        case answering(EventID)
        /// The runtime has answered the event and not asked for another. Next: `waiting`.
        case answered(EventID)
        /// The runtime reported that it cannot initialise, or not go on in a copy; nothing more is expected of it.
        case initialisationFailed
    }

    /// Why a request is refused.
    enum Refusal: Equatable {
        /// The request's path names an event that is not the current one.
        case invalidRequestID
        /// The request does not fit the state; the names are for the error's text.
        case invalidTransition(from: String, to: String)
    }

    enum NextAction: Equatable {
        /// Keep the request open; the runtime is ready for an event.
        case parkAndReportReady
        /// Keep the request open; the runtime was known to be ready.
        case park
        /// Answer it with the event that waits.
        case deliver(EventID)
        case refuse(Refusal)
    }

    enum AssignAction: Equatable {
        /// Answer this parked request with the event.
        case deliver(Connection)
        /// Keep the event until the runtime asks again.
        case hold
        /// The runtime is not waiting for an event.
        case refuse
    }

    enum AnswerAction: Equatable {
        case accept
        case refuse(Refusal)
    }

    private var state: State
    private let isTemplate: Bool

    /// - Parameters:
    ///   - isRestored: Whether the runtime is the copy of one that has initialised.
    ///   - isTemplate: Whether it initialises to be copied.
    init(isRestored: Bool = false, isTemplate: Bool = false) {
        state = isRestored ? .restoring : .starting
        self.isTemplate = isTemplate
    }

    /// Whether the runtime has asked for an event and not been given one.
    var isWaiting: Bool {
        switch state {
        case .waiting, .detached, .awaitingRestoration: true
        case .starting, .restoring, .restored, .assigned, .running, .answering, .answered, .initialisationFailed: false
        }
    }

    /// The runtime asked for the next event.
    mutating func nextRequested(on connection: Connection) -> NextAction {
        switch state {
        case .starting, .restoring, .restored, .answered:
            state = .waiting(connection)
            return .parkAndReportReady
        case .detached:
            state = .waiting(connection)
            return .park
        case .assigned(let event):
            state = .running(event)
            return .deliver(event)
        case .waiting, .awaitingRestoration, .running, .answering, .initialisationFailed:
            return .refuse(.invalidTransition(from: stateName, to: "Ready"))
        }
    }

    enum RestorationAction: Equatable {
        /// Keep the request open; the runtime is ready to be copied.
        case parkAndReportReady
        /// It is a copy, or as good as one: there will be none, and it goes on itself.
        case answer
        case refuse(Refusal)
    }

    /// The runtime asked to be told when it has been restored.
    mutating func restorationRequested() -> RestorationAction {
        switch state {
        case .starting where isTemplate:
            state = .awaitingRestoration
            return .parkAndReportReady
        case .starting, .restoring:
            state = .restored
            return .answer
        case .awaitingRestoration, .restored, .waiting, .detached, .assigned, .running, .answering, .answered,
            .initialisationFailed:
            return .refuse(.invalidTransition(from: stateName, to: "RestoreReady"))
        }
    }

    /// The runtime reported that it cannot go on in a copy.
    mutating func restorationErrorPosted() -> AnswerAction {
        guard case .restored = state else { return .refuse(.invalidTransition(from: stateName, to: "RestoreError")) }
        state = .initialisationFailed
        return .accept
    }

    /// An event was given to this runtime.
    mutating func eventAssigned(_ event: EventID) -> AssignAction {
        switch state {
        case .waiting(let connection):
            state = .running(event)
            return .deliver(connection)
        case .detached:
            state = .assigned(event)
            return .hold
        case .starting, .awaitingRestoration, .restoring, .restored, .assigned, .running, .answering, .answered,
            .initialisationFailed:
            return .refuse
        }
    }

    /// Whether a response or an error for `event` would be accepted now; asked when its head has arrived.
    func admitsAnswer(to event: EventID) -> AnswerAction {
        switch state {
        case .running(event):
            .accept
        case .answering(event), .answered(event):
            .refuse(.invalidTransition(from: stateName, to: "InvocationResponse"))
        case .starting, .awaitingRestoration, .restoring, .restored, .waiting, .detached, .assigned, .running,
            .answering,
            .answered, .initialisationFailed:
            .refuse(.invalidRequestID)
        }
    }

    /// The first part of a streamed response for `event` has arrived; ``streamEnded()`` follows.
    mutating func streamBegan(_ event: EventID) -> AnswerAction {
        let action = admitsAnswer(to: event)
        if action == .accept {
            state = .answering(event)
        }
        return action
    }

    /// The streamed response has ended, well or not. Returns false if none was under way.
    mutating func streamEnded() -> Bool {
        guard case .answering(let event) = state else { return false }
        state = .answered(event)
        return true
    }

    /// A whole response or error for `event` has arrived.
    mutating func answered(_ event: EventID) -> AnswerAction {
        let action = admitsAnswer(to: event)
        if action == .accept {
            state = .answered(event)
        }
        return action
    }

    /// The runtime reported that it cannot initialise. After a restoration it means that.
    mutating func initialisationErrorPosted() -> AnswerAction {
        switch state {
        case .starting, .restored:
            state = .initialisationFailed
            return .accept
        case .awaitingRestoration, .restoring, .waiting, .detached, .assigned, .running, .answering, .answered,
            .initialisationFailed:
            return .refuse(.invalidTransition(from: stateName, to: "InitError"))
        }
    }

    /// A connection has gone; it matters only if its `next` request was parked.
    mutating func connectionClosed(_ connection: Connection) {
        if case .waiting(connection) = state {
            state = .detached
        }
    }

    /// The state's name in the errors of the Runtime API.
    private var stateName: String {
        switch state {
        case .starting: "Started"
        case .awaitingRestoration, .restoring: "RestoreReady"
        case .restored: "Restoring"
        case .waiting, .detached, .assigned: "Ready"
        case .running: "Running"
        case .answering: "InvocationResponse"
        case .answered: "InvocationResponse"
        case .initialisationFailed: "InitError"
        }
    }
}
