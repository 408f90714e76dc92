import LambdaAPI
import MetadataStore

/// The life of an event source mapping as a state machine over its record: created, enabled or disabled, changed any number
/// of times, deleted. Source: `spec/async-esm.md` section 2.
///
/// A request only begins a transition; it is finished in the background, and again at the next start if need be.
struct EventSourceMappingLifecycle {
    enum State: String {
        /// Next: `enabled`, `disabled`.
        case creating = "Creating"
        /// Next: `disabling`, `updating`, `deleting`.
        case enabled = "Enabled"
        /// Next: `enabling`, `updating`, `deleting`.
        case disabled = "Disabled"
        /// Next: `enabled`, `disabled`.
        case enabling = "Enabling"
        /// Next: `disabled`.
        case disabling = "Disabling"
        /// Next: `enabled`, `disabled`.
        case updating = "Updating"
        /// Next: gone.
        case deleting = "Deleting"
    }

    /// A transition is under way, so another cannot begin.
    struct InUse: Error {}

    /// What is to be done with the record once a transition is finished.
    enum Outcome {
        case write(EventSourceMappingRecord)
        case remove
        /// No transition was under way.
        case none
    }

    private let record: EventSourceMappingRecord

    init(_ record: EventSourceMappingRecord) {
        self.record = record
    }

    var state: State { record.config.state.flatMap { State(rawValue: $0) } ?? .creating }

    var isUnderway: Bool {
        switch state {
        case .creating, .enabling, .disabling, .updating, .deleting: true
        case .enabled, .disabled: false
        }
    }

    /// The mapping was changed; `isEnabled` is what the user wants from now on.
    func updated(_ next: EventSourceMappingRecord, isEnabled: Bool) throws(InUse) -> EventSourceMappingRecord {
        guard !isUnderway else { throw InUse() }
        var next = next
        next.isEnabled = isEnabled
        let begun: State =
            switch (state, isEnabled) {
            case (.enabled, false): .disabling
            case (.disabled, true): .enabling
            default: .updating
            }
        next.config.state = begun.rawValue
        return next
    }

    /// The mapping is to be deleted.
    func deleted() throws(InUse) -> EventSourceMappingRecord {
        guard !isUnderway else { throw InUse() }
        var next = record
        next.config.state = State.deleting.rawValue
        return next
    }

    /// What was begun is over.
    ///
    /// - Parameter obstacle: Why events cannot be delivered although the user wants them to be; nil if they can.
    func finished(obstacle: String?) -> Outcome {
        switch state {
        case .enabled, .disabled: return .none
        case .deleting: return .remove
        case .creating, .enabling, .disabling, .updating: break
        }
        var next = record
        let isEnabled = record.isEnabled && obstacle == nil
        next.config.state = (isEnabled ? State.enabled : .disabled).rawValue
        if record.isEnabled, let obstacle { next.config.stateTransitionReason = obstacle }
        return .write(next)
    }
}
