import Placement
import TestSupport
import Testing

struct CapacityPlannerTests {
    private static func worker(
        _ name: String,
        zone: ZoneName = "a",
        busy: Int = 0,
        idle: Int = 0,
        isLeaving: Bool = false
    ) -> CapacityLoad.Worker {
        CapacityLoad.Worker(
            name: WorkerID(name),
            zone: zone,
            memoryMB: 1000,
            busyMB: busy,
            idleMB: idle,
            isLeaving: isLeaving
        )
    }

    /// A fleet of so many workers in which each has so much to do.
    private static func load(_ count: Int, busy: Int, idle: Int = 0, refused: Int = 0) -> CapacityLoad {
        CapacityLoad(workers: (0..<count).map { worker("w\($0)", busy: busy, idle: idle) }, refusedStarts: refused)
    }

    @Test func beginsWithWhatThereIs() {
        var planner = CapacityPlanner()
        let plan = planner.looked(at: Self.load(3, busy: 500), now: 0)
        #expect(plan.desired == 3)
        #expect(plan.present == 3)
    }

    @Test func growsAtOnceWhenTheFreePartIsUsed() {
        var planner = CapacityPlanner()
        // 2700 MB want a fifth of the memory to be free: 3375 MB.
        #expect(planner.looked(at: Self.load(3, busy: 900), now: 0).desired == 4)
    }

    @Test func refusedStartsWantOneMoreWhateverTheSumSays() {
        var planner = CapacityPlanner()
        let plan = planner.looked(at: Self.load(3, busy: 100, refused: 7), now: 0)
        #expect(plan.desired == 4)
        #expect(plan.reason == "7 environments found no worker")
    }

    @Test func growsByAtMostAHalfAtATime() {
        var planner = CapacityPlanner()
        var load = Self.load(10, busy: 1000)
        load.workers += (10..<30).map { Self.worker("gone\($0)", busy: 1000, isLeaving: true) }
        #expect(planner.looked(at: load, now: 0).desired == 15)
        #expect(planner.looked(at: load, now: 60).desired == 22)
    }

    @Test func shrinksOnlyWhenFewerHaveBeenEnoughForLong() {
        var planner = CapacityPlanner()
        let quiet = Self.load(10, busy: 10)
        #expect(planner.looked(at: quiet, now: 0).desired == 10)
        #expect(planner.looked(at: quiet, now: 599).desired == 10)
        #expect(planner.looked(at: quiet, now: 600).desired == 9)
        #expect(planner.looked(at: quiet, now: 660).desired == 8)
    }

    @Test func loadInBetweenBeginsTheDelayAnew() {
        var planner = CapacityPlanner()
        _ = planner.looked(at: Self.load(10, busy: 10), now: 0)
        _ = planner.looked(at: Self.load(10, busy: 790), now: 300)
        #expect(planner.looked(at: Self.load(10, busy: 10), now: 600).desired == 10)
        #expect(planner.looked(at: Self.load(10, busy: 10), now: 1200).desired == 9)
    }

    @Test func loadAtTheEdgeNeitherGrowsNorShrinks() {
        var planner = CapacityPlanner()
        // 4 workers have a fifth free with 3200 MB; 3 would have to have three tenths free, so 2400 MB at 3.43 workers are too much.
        for now in stride(from: 0, through: 6000, by: 60) {
            let busy = now % 120 == 0 ? 800 : 610
            #expect(planner.looked(at: Self.load(4, busy: busy), now: now).desired == 4)
        }
    }

    @Test func halfOfWhatIsIdleCounts() {
        var planner = CapacityPlanner()
        #expect(planner.looked(at: Self.load(2, busy: 700, idle: 100), now: 0).desired == 2)
        #expect(planner.looked(at: Self.load(2, busy: 700, idle: 300), now: 1).desired == 3)
    }

    @Test func workerThatIsLostIsStillWanted() {
        var planner = CapacityPlanner()
        _ = planner.looked(at: Self.load(3, busy: 500), now: 0)
        let plan = planner.looked(at: Self.load(2, busy: 700), now: 60)
        #expect(plan.desired == 3)
        #expect(plan.present == 2)
    }

    @Test func boundsHoldWhateverTheLoad() {
        var policy = CapacityPlanner.Policy()
        (policy.workersMin, policy.workersMax) = (2, 5)
        var planner = CapacityPlanner(policy: policy)
        #expect(planner.looked(at: CapacityLoad(workers: []), now: 0).desired == 2)
        let much = planner.looked(at: Self.load(5, busy: 1000), now: 1)
        #expect(much.desired <= 5)
        let more = planner.looked(at: Self.load(5, busy: 1000), now: 2)
        #expect(more.desired == 5)
        #expect(planner.looked(at: Self.load(5, busy: 1000), now: 3).reason.contains("the most is 5"))
    }

    @Test func zonesHaveAlikeAndTheFullestKeepsTheRest() {
        var planner = CapacityPlanner()
        let plan = planner.looked(
            at: CapacityLoad(workers: [
                Self.worker("w1", zone: "a"), Self.worker("w2", zone: "a"), Self.worker("w3", zone: "a"),
                Self.worker("w4", zone: "b"),
            ]),
            now: 0
        )
        #expect(plan.zones.map(\.name) == ["a", "b"])
        #expect(plan.zones.map(\.desired) == [2, 2])
        #expect(plan.zones.map(\.present) == [3, 1])
        #expect(plan.emptiest.map(\.name) == ["w1", "w2", "w3", "w4"])
    }

    @Test func zoneStaysKnownWithoutAnyWorker() {
        var planner = CapacityPlanner()
        let both = [Self.worker("w1", zone: "a"), Self.worker("w2", zone: "b")]
        _ = planner.looked(at: CapacityLoad(workers: both), now: 0)
        let plan = planner.looked(at: CapacityLoad(workers: [both[0]]), now: 1)
        #expect(plan.zones.map(\.desired) == [1, 1])
        #expect(plan.zones.map(\.present) == [1, 0])
    }

    @Test func emptiestComeFirstAndThoseThatLeaveAreNotNamed() {
        var planner = CapacityPlanner()
        let plan = planner.looked(
            at: CapacityLoad(workers: [
                Self.worker("busy", busy: 500), Self.worker("idle", idle: 300), Self.worker("empty"),
                Self.worker("leaves", isLeaving: true),
            ]),
            now: 0
        )
        #expect(plan.emptiest.map(\.name) == ["empty", "idle", "busy"])
        #expect(plan.present == 3)
    }

    @Test(arguments: 0..<50)
    func wantedStaysWithinItsBoundsAndRates(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var policy = CapacityPlanner.Policy()
        (policy.workersMin, policy.workersMax) = (2, 40)
        policy.shrinkDelay = 120
        var planner = CapacityPlanner(policy: policy)
        var before: Int?
        var now = 0
        var quietSince: Int?
        for step in 0..<300 {
            now += Int.random(in: 1...90, using: &random)
            let count = Int.random(in: 0...45, using: &random)
            let isQuiet = step > 200
            let refused = isQuiet ? 0 : Int.random(in: 0...3, using: &random)
            let busy = isQuiet ? 0 : Int.random(in: 0...1000, using: &random)
            let plan = planner.looked(at: Self.load(count, busy: busy, refused: refused), now: now)
            #expect((2...40).contains(plan.desired), "seed \(seed), step \(step)")
            #expect(plan.zones.isEmpty || plan.zones.reduce(0) { $0 + $1.desired } == plan.desired)
            if let before {
                #expect(plan.desired <= before + max(2, before / 2), "seed \(seed), step \(step)")
                #expect(plan.desired >= before - max(1, before / 10), "seed \(seed), step \(step)")
                if plan.desired < before { #expect(refused == 0, "seed \(seed), step \(step)") }
            }
            if isQuiet, quietSince == nil { quietSince = now }
            before = plan.desired
        }
        // Quiet for long enough, it comes down to the least.
        #expect(before == 2, "seed \(seed)")
    }
}
