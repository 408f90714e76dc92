import Fleet
import HostIdentity
package import HostLink
package import LambdaAPI
package import MetadataStore
import Synchronization

/// Where the managers of functions are reached: kept up with the fleet's members, without a look at the store.
package final class FleetDirectory: FleetObserver {
    /// By partition.
    private let owners = Mutex<[HostAddress?]>([])
    /// Told when a host is not to be talked to any more.
    private let onGone: @Sendable (Set<HostAddress>) -> Void

    /// - Parameter onGone: Called with managers that are no members any more. It must not block.
    package init(onGone: @escaping @Sendable (Set<HostAddress>) -> Void = { _ in }) {
        self.onGone = onGone
    }

    /// The manager that a function belongs to now; nil if none is known.
    package func manager(of function: FunctionName) -> HostAddress? {
        let partition = Partition.of(function)
        return owners.withLock { $0.indices.contains(partition) ? $0[partition] : nil }
    }

    package func fleetChanged(_ view: FleetView) {
        let owners = (0..<Partition.count).map { view.owner(of: $0).flatMap { Self.address(of: $0.manager) } }
        let members = Set(view.members(.manager).compactMap { Self.address(of: $0) })
        let gone = self.owners.withLock { current -> Set<HostAddress> in
            defer { current = owners }
            return Set(current.compactMap { $0 }).subtracting(members)
        }
        if !gone.isEmpty { onGone(gone) }
    }

    static func address(of manager: FleetMember) -> HostAddress? {
        (try? HostIdentity(role: .manager, name: manager.id.name)).flatMap { HostAddress($0, manager.address) }
    }
}
