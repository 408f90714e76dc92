import LambdaAPI
import MetadataStore
import TestSupport
import Testing

@testable import ControlPlane

struct EventSourceMappingLifecycleTests {
    private typealias State = EventSourceMappingLifecycle.State

    private func record(_ state: State, isEnabled: Bool = true) -> EventSourceMappingRecord {
        var config = EventSourceMappingConfiguration()
        config.uuid = "u"
        config.state = state.rawValue
        return EventSourceMappingRecord(config: config, isEnabled: isEnabled, tags: [:])
    }

    private func state(_ record: EventSourceMappingRecord) -> State { EventSourceMappingLifecycle(record).state }

    @Test(arguments: [true, false])
    func creationEndsAsTheUserWantsIt(isEnabled: Bool) throws {
        let created = record(.creating, isEnabled: isEnabled)
        guard case .write(let next) = EventSourceMappingLifecycle(created).finished(obstacle: nil) else {
            throw Missing()
        }
        #expect(state(next) == (isEnabled ? .enabled : .disabled))
    }

    private struct Missing: Error {}

    @Test func obstacleKeepsAMappingDisabledAndSaysWhy() throws {
        let lifecycle = EventSourceMappingLifecycle(record(.enabling))
        guard case .write(let next) = lifecycle.finished(obstacle: "reason") else { throw Missing() }
        #expect(state(next) == .disabled)
        #expect(next.config.stateTransitionReason == "reason")
        // What the user wants is not forgotten.
        #expect(next.isEnabled)
        guard
            case .write(let unwanted) = EventSourceMappingLifecycle(record(.updating, isEnabled: false))
                .finished(obstacle: "reason")
        else { throw Missing() }
        #expect(unwanted.config.stateTransitionReason == nil)
    }

    @Test func mappingUnderwayTakesNoOtherRequest() {
        for state in [State.creating, .enabling, .disabling, .updating, .deleting] {
            let lifecycle = EventSourceMappingLifecycle(record(state))
            #expect(throws: EventSourceMappingLifecycle.InUse.self) { try lifecycle.deleted() }
            #expect(throws: EventSourceMappingLifecycle.InUse.self) {
                try lifecycle.updated(record(state), isEnabled: true)
            }
        }
    }

    @Test func transitionIsNamedAfterWhatChanges() throws {
        let table: [(State, Bool, State)] = [
            (.enabled, false, .disabling), (.disabled, true, .enabling), (.enabled, true, .updating),
            (.disabled, false, .updating),
        ]
        for (before, isEnabled, after) in table {
            let known = record(before)
            #expect(state(try EventSourceMappingLifecycle(known).updated(known, isEnabled: isEnabled)) == after)
        }
    }

    /// Whatever is asked for in whatever order: what was begun can always be finished, and nothing comes back.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func walkNeverGetsStuck(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var current: EventSourceMappingRecord? = record(.creating)
        for _ in 0..<100 {
            guard let known = current else { return }
            let lifecycle = EventSourceMappingLifecycle(known)
            let wasUnderway = lifecycle.isUnderway
            switch Int.random(in: 0..<5, using: &generator) {
            case 0, 1:
                switch lifecycle.finished(obstacle: Bool.random(using: &generator) ? "o" : nil) {
                case .write(let next):
                    #expect(wasUnderway && !EventSourceMappingLifecycle(next).isUnderway, "seed \(seed)")
                    current = next
                case .remove:
                    #expect(state(known) == .deleting, "seed \(seed)")
                    current = nil
                case .none: #expect(!wasUnderway, "seed \(seed)")
                }
            case 2, 3:
                if let next = try? lifecycle.updated(known, isEnabled: Bool.random(using: &generator)) {
                    #expect(!wasUnderway && EventSourceMappingLifecycle(next).isUnderway, "seed \(seed)")
                    current = next
                } else {
                    #expect(wasUnderway, "seed \(seed)")
                }
            default:
                if let next = try? lifecycle.deleted() { current = next }
            }
        }
    }
}
