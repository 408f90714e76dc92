import AsyncHTTPClient
import CodeStore
import ControlPlane
import EventQueue
import Fleet
import FleetStatus
import Foundation
import Frontend
import FrontendRole
import HostIdentity
import HostLink
import IdentityService
import LambdaAPI
import LogStore
import Logging
import LogsService
import MetadataStore
import MetadataStorePostgres
import MetadataStoreSQL
import NIOCore
import NIOPosix
import Placement
import ServiceLifecycle
import Synchronization
import Telemetry

/// One frontend of a fleet: the API for clients, and the queue of asynchronous invokes.
struct FrontendProcess {
    let configuration: ServeConfiguration
    let fleet: FleetConfiguration

    func run() async throws {
        let parts = ServiceParts(configuration)
        let logger = parts.logger
        let credentials = try fleet.credentials(of: .frontend, logger: logger)
        let data = try DataDirectory.open(configuration.dataDirectory)
        let database = try await PostgresDatabase(fleet.postgres)
        let store = SQLMetadataStore(database)
        let eventStore = try await PostgresEventStore(fleet.postgres)
        let fleetStore = try await PostgresFleetStore(fleet.postgres)
        let secret = try DataDirectory.secretKey(at: fleet.secretsKey)
        let users = try await parts.users(in: store) { secret }
        let eventLoops = MultiThreadedEventLoopGroup(numberOfThreads: configuration.eventLoopCount)
        let client = HTTPClient(eventLoopGroup: eventLoops, configuration: ServiceParts.clientConfiguration)
        do {
            let links = LinkPool(dialler: LinkDialler(credentials, silenceMax: fleet.silenceMax))
            let directory = FleetDirectory { gone in links.close { gone.contains($0) } }
            let invoker = FleetInvoker(directory: directory, links: links, logger: logger)
            let runtimes = FleetRuntimes(store: fleetStore, logger: logger)
            await runtimes.refresh()
            let code = try await parts.sharedCodeStore(in: data.path(of: "code"), client)
            let managers = ManagerClient(links: links, eventLoops: eventLoops)
            var dependencies = parts.controlPlane(store, code, runtimes, client)
            let functionManagers = FunctionManagers(managers, directory)
            dependencies.environments = FleetEnvironments(managers: functionManagers, logger: logger)
            dependencies.secret = secret
            let controlPlane = ControlPlane(dependencies)
            try await controlPlane.recover()
            let events = parts.events(eventStore, controlPlane.functions, invoker, client, eventLoops)
            let name = credentials.identity.name
            let leases = EventQueue.LeaseSettings(
                owner: "\(name) \(Incarnation.random())",
                duration: fleet.memberLease,
                interval: fleet.memberLease / 5
            )
            let frontend = Frontend(
                controlPlane: controlPlane,
                invoker: invoker,
                events: events,
                fleet: FleetOverview(
                    store: fleetStore,
                    managers: managers,
                    functions: functionManagers,
                    accountConcurrency: configuration.concurrency
                ),
                logs: LogsService(
                    archive: FleetLogArchive(
                        records: store,
                        hosts: LinkedLogHosts(
                            store: fleetStore,
                            links: LinkPool(dialler: LinkDialler(credentials, silenceMax: fleet.silenceMax)),
                            eventLoops: eventLoops
                        ),
                        logger: logger
                    ),
                    locality: configuration.locality
                ),
                identity: IdentityService(store: store, locality: configuration.locality, clock: { .now() }),
                users: users,
                locality: configuration.locality,
                logger: logger
            )
            let membership = FleetMembership(
                .init(
                    role: .frontend,
                    name: name,
                    address: fleet.address ?? "\(configuration.host):\(configuration.port)",
                    lease: fleet.memberLease,
                    accountConcurrency: configuration.concurrency
                ),
                details: MemberDetails(credentials).document,
                store: fleetStore,
                observer: directory,
                logger: logger
            )
            logger.notice("a frontend of the fleet", metadata: [LogKey.hostIdentity: "\(credentials.identity)"])
            try await parts.run(
                [
                    CredentialsService(credentials: credentials),
                    MembershipService(membership: membership, logger: logger),
                    MemberDetailsService(membership: membership) { MemberDetails(credentials) },
                    RunningService { await runtimes.run() },
                    SharedEventQueueService(events: events, leases: leases, logger: logger),
                    ControlPlaneService(controlPlane: controlPlane),
                ] + parts.frontendServices(frontend, controlPlane, eventLoops)
            )
        } catch {
            try? await client.shutdown()
            throw error
        }
        await fleetStore.close()
        await eventStore.close()
        await database.close()
        try await client.shutdown()
        try await eventLoops.shutdownGracefully()
    }
}
