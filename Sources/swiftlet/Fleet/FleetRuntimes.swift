import ControlPlane
import FleetStatus
import LambdaAPI
import Logging
import MetadataStore
import Placement
import Synchronization
import Telemetry

/// Which runtimes the workers of a fleet have, as they have said when they joined.
final class FleetRuntimes: RuntimeSupport {
    private struct State {
        var view = FleetView(of: [FleetTable.workers])
        var workers: [WorkerDescription] = []
    }

    private static let interval = Duration.seconds(5)

    private let store: any FleetStore
    private let logger: Logger
    private let state = Mutex(State())

    init(store: any FleetStore, logger: Logger) {
        self.store = store
        self.logger = logger
    }

    /// Looks which workers there are, now and then, until the task is cancelled.
    func run() async {
        while (try? await Task.sleep(for: Self.interval)) != nil { await refresh() }
    }

    /// Looks which workers there are.
    func refresh() async {
        do throws(MetadataStoreError) {
            let update = try await store.changes(since: state.withLock { $0.view.versions })
            state.withLock { state in
                state.view.apply(update)
                state.workers = state.view.members(.worker).compactMap {
                    MemberDetails(document: $0.details)?.worker
                }
            }
        } catch {
            logger.warning("the workers of the fleet could not be read", metadata: [LogKey.error: "\(error)"])
        }
    }

    var architecture: String {
        state.withLock { $0.workers.first?.instructionSet ?? .x86 }.rawValue
    }

    func obstacle(runtime: String, architecture: String, in sandbox: SandboxKind?) -> String? {
        guard sandbox == nil else {
            return
                "The tag \(SandboxKind.tag) cannot be used in a fleet yet: functions run in what workers were started with."
        }
        let workers = state.withLock { $0.workers }
        // A function may be made before the first worker comes.
        guard !workers.isEmpty else { return nil }
        let suited = workers.filter { $0.instructionSet.rawValue == architecture }
        guard !suited.isEmpty else { return "No worker of the fleet is \(architecture)." }
        guard suited.contains(where: { $0.runtimes.contains(RuntimeName(runtime)) }) else {
            return "No worker of the fleet has the runtime \(runtime)."
        }
        return nil
    }
}
