import Fleet
package import FleetStatus
import Invocation
package import LambdaAPI
import MetadataStore
import NIOCore
package import Placement
import Synchronization

// What operators are told. Counts are taken under the locks that are there, each for a moment; what belongs to a worker's
// connection is counted on its event loop, one worker after the other.
extension ManagerDesk {
    /// How this manager sees the fleet.
    package func status() async -> ManagerReport {
        var report = ManagerReport()
        let peers = state.withLock { state -> [WorkerPeer] in
            let held = state.takeover.epochs.keys
            report.partitionsReady = held.count { state.takeover.isReady($0) }
            report.partitionsRecovering = held.count - report.partitionsReady
            report.awaitedWorkers = state.takeover.awaited.sorted()
            report.waitingForPartitions = state.waitingCount
            report.capacity = state.capacityPlan
            return state.workers.peers
        }
        let use = invoker.limiter.commonUse
        (report.share, report.inUse, report.waiting) = (use.share, use.inUse, use.waiting)
        for peer in peers {
            // An event loop that is shut down has nothing left to say.
            guard var worker = try? await peer.eventLoop.submit({ peer.report }).get() else { continue }
            state.withLock { $0.workers.complete(&worker) }
            report.workers.append(worker)
        }
        report.workers.sort { $0.name < $1.name }
        return report
    }

    /// Where an environment would be placed now, and why.
    package func explain(_ question: PlacementQuestion) -> PlacementExplanation {
        state.withLock { $0.workers.explain(question, seed: $0.seed &+ 1) }
    }

    /// Whether a function is this manager's, and all is known that runs of it.
    package func isReady(_ function: FunctionName) -> Bool { isReady(Partition.of(function)) }

    // MARK: Capacity

    /// The partition whose manager plans for the whole fleet.
    private static let planningPartition = 0

    /// Whether it is for this manager to say how many workers there should be.
    var isPlanner: Bool { isReady(Self.planningPartition) }

    /// What the fleet has to do, but for starts that were refused.
    func load() async -> CapacityLoad {
        var present: Set<String> = []
        for peer in state.withLock({ $0.workers.peers }) {
            if (try? await peer.eventLoop.submit { peer.isPresent }.get()) == true { present.insert(peer.name) }
        }
        return CapacityLoad(workers: state.withLock { [present] in $0.workers.load { present.contains($0) } })
    }

    /// How many environments no worker had room for since the start.
    package var refusedStarts: Int { state.withLock { $0.refusedStarts } }

    /// The same of all managers, as they have told; nil stands for this one.
    var refusedStartsOfAll: [Incarnation?: Int] {
        state.withLock { state in
            var counts: [Incarnation?: Int] = [nil: state.refusedStarts]
            for (manager, count) in state.refusedStartsOfOthers where manager != state.incarnation {
                counts[manager] = count
            }
            return counts
        }
    }

    func planned(_ plan: CapacityPlan?) {
        state.withLock { $0.capacityPlan = plan }
    }

    static func refusedStarts(in view: FleetView) -> [Incarnation: Int] {
        view.members(.manager).reduce(into: [:]) { counts, member in
            counts[member.id.incarnation] = MemberDetails(document: member.details)?.refusedStarts
        }
    }
}
