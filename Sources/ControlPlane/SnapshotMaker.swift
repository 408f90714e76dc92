package import LambdaAPI
package import MetadataStore

/// Where versions of functions get the snapshots that their environments start from.
package protocol SnapshotMaker: Sendable {
    /// Initialises a version and keeps a snapshot of that. Takes as long as the function does.
    func makeSnapshot(of function: InvocableFunction) async -> SnapshotOutcome

    /// Takes no more orders, and ends those that are under way: with ``SnapshotOutcome/stopped``.
    func stopMaking()

    /// The versions of which there are snapshots.
    func snapshots() -> [InvocableFunction.Identity]

    /// Removes the snapshot of a version that is gone. Does not wait.
    func removeSnapshot(of version: InvocableFunction.Identity)
}

/// What has come of the wish for a snapshot.
package enum SnapshotOutcome: Sendable, Equatable {
    /// There is one.
    case made
    /// There will be none: the host cannot make one, or not of this version. Its environments initialise one by one.
    case unavailable
    /// The function cannot initialise.
    case failed(FunctionStatus.Reason)
    /// The service is shutting down, and the next one may try.
    case stopped
}

/// For hosts whose environments cannot be kept.
package struct NoSnapshots: SnapshotMaker {
    package init() {}
    package func makeSnapshot(of function: InvocableFunction) async -> SnapshotOutcome { .unavailable }
    package func stopMaking() {}
    package func snapshots() -> [InvocableFunction.Identity] { [] }
    package func removeSnapshot(of version: InvocableFunction.Identity) {}
}

extension SnapshotMaker {
    /// Removes the snapshots of what is gone with a change.
    func remove(after change: FunctionChange) {
        switch change {
        case .deleted(let name):
            for version in snapshots() where version.name == name { removeSnapshot(of: version) }
        case .versionDeleted(let name, let number):
            let gone = FunctionVersion(String(number))
            for version in snapshots() where version.name == name && version.version == gone {
                removeSnapshot(of: version)
            }
        case .written, .versionWritten, .missed:
            break
        }
    }
}
