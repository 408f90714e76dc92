import EventQueue
import Fleet
import HostIdentity
import HostLink
import Logging
import ManagerRole
import MetadataStore
import ServiceLifecycle
import Telemetry

// What all roles of a fleet run beside their own.

/// Keeps a host's certificate up to date as long as the process runs.
struct CredentialsService: Service {
    let credentials: HostCredentials

    func run() async {
        await cancelWhenGracefulShutdown { await credentials.run() }
    }
}

/// Accepts connections of other hosts until the process stops.
struct ListenerService: Service {
    let listener: LinkListener

    func run() async {
        try? await gracefulShutdown()
        await listener.close()
    }
}

/// Is a member of the fleet as long as the process runs, and says when it leaves.
struct MembershipService: Service {
    let membership: FleetMembership
    let logger: Logger
    /// Whether nothing is left of what the membership has brought. Otherwise it ends as that of a process does that dies.
    var mayLeave: @Sendable () -> Bool = { true }

    func run() async {
        await cancelWhenGracefulShutdown { await membership.run() }
        guard mayLeave() else { return }
        do throws(MetadataStoreError) {
            try await membership.leave()
        } catch {
            logger.warning(
                "the others could not be told that this host leaves; they will find out",
                metadata: [LogKey.error: "\(error)"]
            )
        }
    }
}

/// Works off this process's share of the events that all frontends accept, until the service stops; then until those are settled
/// that are underway, and leaves the others to other processes.
struct SharedEventQueueService: Service {
    let events: EventQueue
    let leases: EventQueue.LeaseSettings
    let logger: Logger

    func run() async {
        events.begin()
        await withTaskGroup(of: Void.self) { group in
            // Kept while the last events are settled, too: without its lease none can be.
            group.addTask { await events.keepLeases(leases) }
            // Throws when it is cancelled: then nothing is waited for any more.
            try? await gracefulShutdown()
            await events.drain()
            group.cancelAll()
        }
        do throws(MetadataStoreError) {
            try await events.releaseLeases(of: leases.owner)
        } catch {
            logger.warning(
                "events could not be left to others at once; they will find them when the leases end",
                metadata: [LogKey.error: "\(error)"]
            )
        }
    }
}
