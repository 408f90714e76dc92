import Fleet
import HostIdentity
package import HostLink
package import LambdaAPI
package import MetadataStore
import Synchronization

/// Where the managers of functions, and the workers, are reached: kept up with the fleet's members, without a look at the store.
package final class FleetDirectory: FleetObserver {
    private struct State {
        /// By partition.
        var managers: [HostAddress?] = []
        var workers: [String: HostAddress] = [:]
        var members: [String: HostAddress] = [:]
    }

    private let state = Mutex(State())
    /// Told when a host is not to be talked to any more.
    private let onGone: @Sendable (Set<HostAddress>) -> Void

    /// - Parameter onGone: Called with hosts that are no members any more. It must not block.
    package init(onGone: @escaping @Sendable (Set<HostAddress>) -> Void = { _ in }) {
        self.onGone = onGone
    }

    /// The manager that a function belongs to now; nil if none is known.
    package func manager(of function: FunctionName) -> HostAddress? {
        let partition = Partition.of(function)
        return state.withLock { $0.managers.indices.contains(partition) ? $0.managers[partition] : nil }
    }

    /// All managers.
    package var managers: [HostAddress] {
        state.withLock { Array(Set($0.managers.compactMap { $0 })) }
    }

    /// A worker by its name; nil if there is no such worker.
    package func worker(_ name: String) -> HostAddress? { state.withLock { $0.workers[name] } }

    package func fleetChanged(_ view: FleetView) {
        let managers = (0..<Partition.count).map { view.owner(of: $0).flatMap { Self.address(of: $0.manager, .manager) } }
        var workers: [String: HostAddress] = [:]
        for member in view.members(.worker) { workers[member.id.name] = Self.address(of: member, .worker) }
        let gone = state.withLock { state -> Set<HostAddress> in
            let before = Set(state.managers.compactMap { $0 }).union(state.workers.values)
            state.managers = managers
            state.workers = workers
            return before.subtracting(managers.compactMap { $0 }).subtracting(workers.values)
        }
        if !gone.isEmpty { onGone(gone) }
    }

    private static func address(of member: FleetMember, _ role: HostRole) -> HostAddress? {
        (try? HostIdentity(role: role, name: member.id.name)).flatMap { HostAddress($0, member.address) }
    }
}
