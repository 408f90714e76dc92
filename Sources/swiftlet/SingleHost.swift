import FleetStatus
import Foundation
import Invocation
import LambdaAPI
import Placement
import Telemetry
import WorkerManager

/// What operators ask of a service that is one process.
struct SingleHost: FleetOperations {
    let manager: WorkerManager
    let limiter: ConcurrencyLimiter
    let configuration: ServeConfiguration

    private static let noFleet = FleetOperationError(
        .noFleet,
        "There is no fleet: everything runs in one process on this host."
    )

    func report() async throws -> FleetReport {
        let figures = manager.figures
        let use = limiter.commonUse
        var worker = FleetReport.Worker(name: ProcessInfo.processInfo.hostName)
        worker.member = .init(
            name: worker.name,
            address: "\(configuration.host):\(configuration.port)",
            version: Release.version,
            leaseSeconds: 0
        )
        worker.memoryMB = configuration.memoryBudget.bytes >> 20
        worker.promisedMB = figures.memoryPromised.bytes >> 20
        worker.environments = EnvironmentCounts(
            starting: figures.starting,
            idle: figures.idle,
            busy: figures.busy,
            ending: figures.ending
        )
        worker.environmentsOfAll = worker.environments.all
        var report = FleetReport()
        report.isFleet = false
        report.workers = [worker]
        report.concurrency.account = configuration.concurrency
        report.concurrency.inUse = use.inUse
        report.concurrency.waiting = use.waiting
        return report
    }

    func order(_ order: WorkerOrder, of worker: String) async throws { throw Self.noFleet }

    func explain(_ question: PlacementQuestion) async throws -> PlacementExplanation { throw Self.noFleet }
}
