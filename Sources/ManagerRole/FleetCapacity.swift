import FleetStatus
package import Logging
import MetadataStore
package import Placement
import Telemetry

/// Says how many workers the fleet should have, as long as this manager has the first partition: in the answer to `status`, in
/// the log, and to a program of the operator's.
package struct FleetCapacity: Sendable {
    /// What is configured of it.
    package struct Settings: Sendable {
        package var policy = CapacityPlanner.Policy()
        /// How long it is from one look to the next.
        package var interval: Duration = .seconds(60)
        /// The program that is told when there should be more or fewer workers than there are; nil for none.
        package var hook: String?
        /// How long the program may run.
        package var hookTimeout: Duration = .seconds(60)

        package init() {}
    }

    private let desk: ManagerDesk
    private let settings: Settings
    private let logger: Logger

    package init(desk: ManagerDesk, settings: Settings, logger: Logger) {
        self.desk = desk
        self.settings = settings
        self.logger = logger
    }

    /// Looks at the fleet now and then until the task is cancelled. The program is run within, so that it runs once at a time.
    package func run() async {
        var planner: CapacityPlanner?
        var refused: [Incarnation?: Int] = [:]
        let start = ContinuousClock.now
        while (try? await Task.sleep(for: settings.interval)) != nil {
            guard desk.isPlanner else {
                planner = nil
                desk.planned(nil)
                continue
            }
            let counts = desk.refusedStartsOfAll
            var load = await desk.load()
            // Of managers that are new, nobody knows since when they have counted.
            load.refusedStarts = counts.reduce(0) { $0 + max(0, $1.value - (refused[$1.key] ?? $1.value)) }
            refused = counts
            var current = planner ?? CapacityPlanner(policy: settings.policy)
            let plan = current.looked(at: load, now: Int((ContinuousClock.now - start) / .seconds(1)))
            planner = current
            desk.planned(plan)
            log(plan, load)
            if let hook = settings.hook, plan.desired != plan.present { await tell(hook, plan) }
        }
    }

    private func log(_ plan: CapacityPlan, _ load: CapacityLoad) {
        logger.info(
            "capacity of the fleet",
            metadata: [
                LogKey.capacityDesired: "\(plan.desired)", LogKey.capacityPresent: "\(plan.present)",
                LogKey.capacityBusy: "\(load.workers.reduce(0) { $0 + $1.busyMB })",
                LogKey.capacityIdle: "\(load.workers.reduce(0) { $0 + $1.idleMB })",
                LogKey.count: "\(load.refusedStarts)", LogKey.reason: "\(plan.reason)",
            ]
        )
    }

    private func tell(_ hook: String, _ plan: CapacityPlan) async {
        guard let document = try? FleetDocument.bytes(of: plan) else { return }
        let result = await HookProgram(path: hook).run(document + [UInt8(ascii: "\n")], timeout: settings.hookTimeout)
        let metadata: Logger.Metadata = [
            LogKey.path: "\(hook)", LogKey.reason: "\(result.outcome)", LogKey.item: "\(result.output)",
        ]
        if result.outcome == .exited(0) {
            logger.info("the autoscaling hook has been told", metadata: metadata)
        } else {
            logger.warning("the autoscaling hook has failed; it is told again at the next look", metadata: metadata)
        }
    }
}
