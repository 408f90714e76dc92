import LambdaAPI

/// The order in which the processes of an environment are ended, as a state machine.
/// Source: `spec/runtime-api.md` section 5, Shutdown.
///
/// Without extensions everything is killed at once. With them, the runtime is asked to end and killed after 30 % of the
/// budget; then external extensions that subscribed to SHUTDOWN are told, the others killed, and what is left at the
/// end of the budget is killed too. The clock is the caller's: it is told which timers to set.
struct ShutdownSequence {
    /// What is to be done, in this order.
    enum Action: Equatable {
        /// Ask the runtime's process to end.
        case terminateRuntime
        case killRuntime
        /// Tell these extensions; the budget's end is their deadline.
        case notify([String])
        case kill([String])
        /// Call ``runtimeTimeExpired()`` after so many milliseconds.
        case startRuntimeTimer(milliseconds: Int)
        /// Call ``budgetExpired()`` after so many milliseconds.
        case startBudgetTimer(milliseconds: Int)
        /// Kill whatever is left: the sequence is over.
        case complete
    }

    private enum State {
        /// Next: `awaitingRuntime`, `awaitingExtensions`, `completed`.
        case created
        /// The runtime was asked to end. Next: `awaitingExtensions`, `completed`.
        case awaitingRuntime
        /// Extensions were told. Next: `completed`.
        case awaitingExtensions(Set<String>)
        case completed
    }

    private static let runtimeSharePercent = 30

    private var state: State = .created
    private var extensions: [(name: String, isSubscribed: Bool)]
    private let isAnyRegistered: Bool

    /// How long all of it may take.
    let budgetMilliseconds: Int

    /// - Parameters:
    ///   - isAnyRegistered: Whether any extension has registered, internal or external.
    ///   - extensions: The external ones whose processes run, and whether each wants to be told.
    init(isAnyRegistered: Bool, extensions: [(name: String, isSubscribed: Bool)]) {
        self.isAnyRegistered = isAnyRegistered
        self.extensions = extensions
        budgetMilliseconds =
            if !isAnyRegistered {
                0
            } else if extensions.isEmpty {
                Int(Limits.shutdownInternalExtensions / .milliseconds(1))
            } else {
                Int(Limits.shutdownExternalExtensions / .milliseconds(1))
            }
    }

    /// Begins; call once.
    mutating func begin(isRuntimeRunning: Bool) -> [Action] {
        guard case .created = state else { return [] }
        guard isAnyRegistered else { return complete() }
        let budget: Action = .startBudgetTimer(milliseconds: budgetMilliseconds)
        guard isRuntimeRunning else { return [budget] + turnToExtensions() }
        state = .awaitingRuntime
        let share = budgetMilliseconds * Self.runtimeSharePercent / 100
        return [budget, .terminateRuntime, .startRuntimeTimer(milliseconds: share)]
    }

    mutating func runtimeExited() -> [Action] {
        guard case .awaitingRuntime = state else { return [] }
        return turnToExtensions()
    }

    mutating func extensionExited(_ name: String) -> [Action] {
        extensions.removeAll { $0.name == name }
        guard case .awaitingExtensions(var names) = state, names.remove(name) != nil else { return [] }
        if names.isEmpty { return complete() }
        state = .awaitingExtensions(names)
        return []
    }

    mutating func runtimeTimeExpired() -> [Action] {
        guard case .awaitingRuntime = state else { return [] }
        return [.killRuntime] + turnToExtensions()
    }

    mutating func budgetExpired() -> [Action] {
        if case .completed = state { return [] }
        return complete()
    }

    private mutating func turnToExtensions() -> [Action] {
        let told = extensions.filter(\.isSubscribed).map(\.name)
        let killed = extensions.filter { !$0.isSubscribed }.map(\.name)
        let killing: [Action] = killed.isEmpty ? [] : [.kill(killed)]
        guard !told.isEmpty else { return killing + complete() }
        state = .awaitingExtensions(Set(told))
        return killing + [.notify(told)]
    }

    private mutating func complete() -> [Action] {
        state = .completed
        return [.complete]
    }
}
