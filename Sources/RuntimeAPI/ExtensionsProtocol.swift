import LambdaAPI

/// The extensions of one environment, and the order in which they may make their requests, as a state machine.
/// Source: `spec/runtime-api.md` section 2.
///
/// Extensions are external (a file in `/opt/extensions`, started by the platform, known before it registers) or
/// internal (a thread in the runtime's process, which registers by itself before the runtime asks for its first event).
/// Generic over what identifies a parked request, so that tests need no sockets.
struct ExtensionsProtocol<Connection: Equatable> {
    /// Why a request is refused: the error's type and message.
    struct Refusal: Equatable {
        let errorType: String
        let message: String

        static var unknownIdentifier: Refusal {
            Refusal(
                errorType: "Extension.UnknownExtensionIdentifier",
                message: "Unknown Lambda-Extension-Identifier"
            )
        }
    }

    private struct Member {
        let name: String
        let isExternal: Bool
        var identifier: String?
        var events: [ExtensionEvent] = []
        var errorType: String?
        var state: State
    }

    private enum State: Equatable {
        /// Its process was started. Next: `registered`, `over`.
        case started
        /// It has registered and not asked for an event. Next: `ready`, `over`.
        case registered
        /// It has asked for an event. The connection is nil when it has closed meanwhile. Next: `running`, `over`.
        case ready(Connection?)
        /// It has an event, or will be given it when it asks again. Next: `ready`, `over`.
        case running(held: ExtensionEvent?)
        /// It has reported an error, or has ended; nothing is expected of it.
        case over(name: String)

        var name: String {
            switch self {
            case .started: "Started"
            case .registered: "Registered"
            case .ready: "Ready"
            case .running: "Running"
            case .over(let name): name
            }
        }
    }

    private var members: [Member] = []
    private var isRegistrationOpen = true

    init() {}

    /// The extensions of an environment that is a copy. Those that wait for an event ask for it anew.
    init(restoring standing: [RuntimeAPIStanding.Member]) {
        isRegistrationOpen = false
        members = standing.map { member in
            Member(
                name: member.name,
                isExternal: member.isExternal,
                identifier: member.identifier,
                events: member.events,
                state: .ready(nil)
            )
        }
    }

    /// What a copy of the environment has to know; all must be ready.
    var standing: [RuntimeAPIStanding.Member] {
        members.map { member in
            RuntimeAPIStanding.Member(
                name: member.name,
                isExternal: member.isExternal,
                identifier: member.identifier,
                events: member.events
            )
        }
    }

    /// Whether there is none, which is the common case.
    var isEmpty: Bool { members.isEmpty }

    /// Whether every external extension that was started has registered.
    var isEveryExternalRegistered: Bool {
        members.allSatisfy { !$0.isExternal || $0.state != .started }
    }

    /// Whether every extension has asked for an event, as it must for initialisation to end.
    var isEveryoneReady: Bool {
        members.allSatisfy {
            if case .ready = $0.state { true } else { false }
        }
    }

    /// Whether every extension that takes part in invokes has asked for the next event.
    var isEveryInvokeOver: Bool {
        members.allSatisfy { member in
            guard member.events.contains(.invoke) else { return true }
            if case .ready = member.state { return true } else { return false }
        }
    }

    /// All extensions, for telemetry.
    var statuses: [ExtensionStatus] {
        members.map {
            ExtensionStatus(name: $0.name, state: $0.state.name, events: $0.events, errorType: $0.errorType)
        }
    }

    /// Whether any extension has registered.
    var hasRegistered: Bool { members.contains { $0.identifier != nil } }

    /// The names of the external extensions whose processes may run, and whether each is to be told of a shutdown.
    var shutdownSubscribers: [(name: String, isSubscribed: Bool)] {
        members.filter(\.isExternal).map { member in
            guard case .over = member.state else { return (member.name, member.events.contains(.shutdown)) }
            return (member.name, false)
        }
    }

    // MARK: Processes

    /// An external extension's process is about to be started. Returns false if there are too many.
    mutating func starting(_ name: String) -> Bool {
        guard members.count < Limits.extensionsMax else { return false }
        members.append(Member(name: name, isExternal: true, state: .started))
        return true
    }

    /// An external extension could not be started.
    mutating func launchFailed(_ name: String, errorType: String) {
        guard let index = members.firstIndex(where: { $0.name == name && $0.isExternal }) else { return }
        members[index].state = .over(name: "LaunchError")
        members[index].errorType = errorType
    }

    /// An external extension's process has ended. Returns the state's name in which it did, of an extension that had
    /// reported an error before.
    mutating func exited(_ name: String) -> ReportedError? {
        guard let index = members.firstIndex(where: { $0.name == name && $0.isExternal }) else { return nil }
        guard case .over(let state) = members[index].state else {
            members[index].state = .over(name: "Exited")
            return nil
        }
        return ReportedError(rawValue: state)
    }

    // MARK: Requests

    enum RegisterAction: Equatable {
        case accept(identifier: String)
        case refuse(Refusal)
    }

    /// An extension registers; `identifier` is what it will be known by.
    mutating func registrationRequested(
        _ name: String,
        events: [String],
        identifier: String
    ) -> RegisterAction {
        let external = members.firstIndex { $0.name == name && $0.isExternal }
        var subscribed: [ExtensionEvent] = []
        for text in events {
            guard let event = ExtensionEvent(rawValue: text), external != nil || event == .invoke else {
                return .refuse(
                    Refusal(errorType: "Extension.InvalidEventType", message: "\(text): ErrInvalidEventType")
                )
            }
            if !subscribed.contains(event) { subscribed.append(event) }
        }
        if let external {
            guard members[external].state == .started else {
                return .refuse(Self.invalidTransition(members[external], to: "Registered"))
            }
            members[external].identifier = identifier
            members[external].events = subscribed
            members[external].state = .registered
            return .accept(identifier: identifier)
        }
        if let refusal = refusalOfInternal(name) { return .refuse(refusal) }
        members.append(
            Member(name: name, isExternal: false, identifier: identifier, events: subscribed, state: .registered)
        )
        return .accept(identifier: identifier)
    }

    private func refusalOfInternal(_ name: String) -> Refusal? {
        guard isRegistrationOpen else {
            return Refusal(
                errorType: "Extension.RegistrationClosed",
                message: "Extension registration closed already"
            )
        }
        guard !members.contains(where: { $0.name == name }) else {
            return Refusal(
                errorType: "Extension.InvalidExtensionState",
                message: "Extension with this name already registered"
            )
        }
        guard members.count < Limits.extensionsMax else {
            return Refusal(
                errorType: "Extension.TooManyExtensions",
                message: "Extension limit (\(Limits.extensionsMax)) reached"
            )
        }
        return nil
    }

    /// The runtime has initialised: no more extensions can register.
    mutating func registrationClosed() {
        isRegistrationOpen = false
    }

    enum NextAction: Equatable {
        /// Keep the request open.
        case park
        /// Answer it with the event that waits.
        case deliver(ExtensionEvent)
        case refuse(Refusal)
    }

    /// An extension asked for the next event.
    mutating func nextRequested(by identifier: String, on connection: Connection) -> NextAction {
        guard let index = index(of: identifier) else { return .refuse(.unknownIdentifier) }
        switch members[index].state {
        case .registered, .ready, .running(held: nil):
            members[index].state = .ready(connection)
            return .park
        case .running(held: .some(let event)):
            members[index].state = .running(held: nil)
            return .deliver(event)
        case .started, .over:
            return .refuse(Self.invalidTransition(members[index], to: "Ready"))
        }
    }

    /// What an extension reports of itself before it exits.
    enum ReportedError: String {
        case initialisation = "InitError"
        case exit = "ExitError"
    }

    enum ErrorAction: Equatable {
        case accept
        case refuse(Refusal)
    }

    /// An extension reported an error; its exit follows.
    mutating func errorReported(_ error: ReportedError, by identifier: String, errorType: String) -> ErrorAction {
        guard let index = index(of: identifier) else { return .refuse(.unknownIdentifier) }
        switch (members[index].state, error) {
        case (.registered, .initialisation), (.registered, .exit), (.ready, .exit), (.running, .exit):
            members[index].state = .over(name: error.rawValue)
            members[index].errorType = errorType
            return .accept
        case (.over(error.rawValue), _):
            return .accept
        case (.started, _), (.ready, .initialisation), (.running, .initialisation), (.over, _):
            return .refuse(Self.invalidTransition(members[index], to: error.rawValue))
        }
    }

    /// The name of the extension with this identifier.
    func name(of identifier: String) -> String? {
        index(of: identifier).map { members[$0].name }
    }

    /// A connection has gone; it matters only to an extension whose request was parked on it.
    mutating func connectionClosed(_ connection: Connection) {
        for index in members.indices where members[index].state == .ready(connection) {
            members[index].state = .ready(nil)
        }
    }

    /// Whether an extension is one that the platform has started.
    func isExternal(_ name: String) -> Bool {
        members.contains { $0.name == name && $0.isExternal }
    }

    // MARK: Events

    /// An event occurs. Returns the parked requests of its subscribers, which are to be answered with it; whoever is
    /// between two requests is answered when it asks.
    ///
    /// - Parameter names: The extensions that are told; all of the event's subscribers if nil.
    mutating func eventOccurred(_ event: ExtensionEvent, for names: Set<String>? = nil) -> [Connection] {
        var parked: [Connection] = []
        for index in members.indices where members[index].events.contains(event) {
            if let names, !names.contains(members[index].name) { continue }
            switch members[index].state {
            case .ready(let connection):
                members[index].state = .running(held: connection == nil ? event : nil)
                if let connection { parked.append(connection) }
            case .registered, .running:
                members[index].state = .running(held: event)
            case .started, .over:
                break
            }
        }
        return parked
    }

    private func index(of identifier: String) -> Int? {
        members.firstIndex { $0.identifier == identifier }
    }

    private static func invalidTransition(_ member: Member, to state: String) -> Refusal {
        Refusal(
            errorType: "Extension.InvalidExtensionState",
            message: "State transition from \(member.state.name) to \(state) failed for extension \(member.name). "
                + "Error: State transition is not allowed"
        )
    }
}
