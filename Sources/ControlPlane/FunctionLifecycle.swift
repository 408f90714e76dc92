package import LambdaAPI
package import MetadataStore

/// The life of a function as a state machine over its record: created, active or failed, and updated any number of times.
/// Source: `spec/invoke.md` section 6.
///
/// Every transition gives the record another revision, and returns it for the store to write; nothing is changed in place.
package struct FunctionLifecycle {
    /// The record as the store has it.
    package let record: FunctionRecord

    package init(_ record: FunctionRecord) {
        self.record = record
    }

    /// Why a transition is not possible now.
    package enum Refusal: Error, Equatable {
        /// The function is being created or has failed; the state's name is the user's to know.
        case state(FunctionStatus.State)
        case updateInProgress
        /// There is nothing to finish.
        case nothingUnderway
    }

    static let creating = FunctionStatus.Reason(code: "Creating", text: "The function is being created.")

    /// A function that is being created.
    package static func created(
        _ name: FunctionName,
        _ definition: FunctionDefinition,
        tags: [String: String],
        revisionID: String,
        at time: Timestamp
    ) -> FunctionRecord {
        FunctionRecord(
            name: name,
            revisionID: revisionID,
            definition: definition,
            status: FunctionStatus(state: .pending, stateReason: creating),
            tags: tags,
            lastModified: time
        )
    }

    /// An update of code or configuration has begun; invokes go on with what was before. A function whose creation has
    /// failed starts over.
    package func updateStarted(
        _ definition: FunctionDefinition,
        revisionID: String,
        at time: Timestamp
    ) throws(Refusal) -> FunctionRecord {
        guard record.status.state != .pending else { throw .state(.pending) }
        guard record.status.lastUpdate != .inProgress else { throw .updateInProgress }
        var next = record
        next.revisionID = revisionID
        next.lastModified = time
        next.definition = definition
        if record.status.state == .active {
            next.definitionBeforeUpdate = record.definition
        }
        next.status.lastUpdate = .inProgress
        next.status.lastUpdateReason = Self.creating
        return next
    }

    /// What was begun has succeeded: invokes run the new definition from now on.
    package func succeeded(revisionID: String) throws(Refusal) -> FunctionRecord {
        guard isUnderway else { throw .nothingUnderway }
        var next = record
        next.revisionID = revisionID
        next.definitionBeforeUpdate = nil
        next.status = FunctionStatus(state: .active, lastUpdate: .successful)
        return next
    }

    /// What was begun has failed. A function that was active stays as it was before; one that never was is `Failed`.
    package func failed(_ reason: FunctionStatus.Reason, revisionID: String) throws(Refusal) -> FunctionRecord {
        guard isUnderway else { throw .nothingUnderway }
        var next = record
        next.revisionID = revisionID
        if let before = record.definitionBeforeUpdate {
            next.definition = before
            next.definitionBeforeUpdate = nil
            next.status = FunctionStatus(state: .active, lastUpdate: .failed, lastUpdateReason: reason)
        } else {
            next.status = FunctionStatus(
                state: .failed,
                stateReason: reason,
                lastUpdate: record.status.lastUpdate == nil ? nil : .failed,
                lastUpdateReason: record.status.lastUpdate == nil ? nil : reason
            )
        }
        return next
    }

    /// Whether a creation or an update has begun and not ended.
    package var isUnderway: Bool {
        record.status.state == .pending || record.status.lastUpdate == .inProgress
    }

    /// What an invoke runs now, nil while there is nothing.
    package var invocable: FunctionDefinition? {
        switch record.status.state {
        case .active: record.definitionBeforeUpdate ?? record.definition
        case .pending, .failed: nil
        }
    }
}
