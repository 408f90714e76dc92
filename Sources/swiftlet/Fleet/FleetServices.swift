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

    func run() async {
        await cancelWhenGracefulShutdown { await membership.run() }
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
