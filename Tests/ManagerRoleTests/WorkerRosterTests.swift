import FleetProtocol
import FleetStatus
import LambdaAPI
import MetadataStore
import Placement
import TestSupport
import Testing

@testable import ManagerRole

struct WorkerRosterTests {
    private static func description(_ name: String, memoryMB: Int = 100_000) -> WorkerDescription {
        WorkerDescription(
            id: WorkerID(name),
            zone: ZoneName("z"),
            runtimes: [RuntimeName("python3.11")],
            memoryMB: memoryMB,
            cpuMilli: 4000
        )
    }

    private func roster(_ names: String...) -> WorkerRoster {
        var roster = WorkerRoster(policy: PlacementPolicy())
        for name in names { roster.registered(name, Self.description(name), WorkerStandingMessage()) }
        return roster
    }

    @Test func workerThatMayHaveNoMoreIsNotChosen() {
        var roster = roster("w")
        let function = InvocableFunction.test("f")
        #expect(roster.place(function, seed: 1) == "w")
        roster.ordered("w", WorkerOrders(isCordoned: true), isPresent: true)
        #expect(roster.place(function, seed: 1) == nil)
        roster.ordered("w", WorkerOrders(), isPresent: true)
        roster.update("w", isPresent: false)
        #expect(roster.place(function, seed: 1) == nil)
        var standing = WorkerStandingMessage()
        standing.isDraining = true
        roster.registered("w", Self.description("w"), standing)
        #expect(roster.place(function, seed: 1) == nil)
        roster.registered("w", Self.description("w"), WorkerStandingMessage())
        #expect(roster.place(function, seed: 1) == "w")
    }

    @Test func workerThatIsFullIsAskedToMakeRoomUntilItSaysThatThereIsNone() {
        var roster = roster("w")
        roster.registered("full", Self.description("full", memoryMB: 3000), WorkerStandingMessage())
        roster.update("w", isPresent: false)
        let function = InvocableFunction.test("f", memoryMB: 1800)
        roster.added(function, on: "full")
        // Placement has no room, but what is idle there may end.
        #expect(roster.place(function, seed: 1) == "full")
        roster.hadNoRoom("full", isPresent: true)
        #expect(roster.place(function, seed: 1) == nil)
        #expect(roster.place(.test("small", memoryMB: 128), seed: 1) == nil)
        roster.heardOf("full", isPresent: true)
        #expect(roster.place(function, seed: 1) == "full")
        roster.removed(function, from: "full")
        roster.removed(function, from: "full")
        #expect(roster.place(function, seed: 1) == "full")
    }

    @Test func workerThatMustGetNothingIsNotAskedToMakeRoom() {
        var roster = WorkerRoster(policy: PlacementPolicy())
        roster.registered("w", Self.description("w", memoryMB: 3000), WorkerStandingMessage())
        let function = InvocableFunction.test("f", memoryMB: 1800)
        roster.added(function, on: "w")
        roster.ordered("w", WorkerOrders(isCordoned: true), isPresent: true)
        #expect(roster.place(function, seed: 1) == nil)
        roster.ordered("w", WorkerOrders(isDraining: true), isPresent: true)
        #expect(roster.place(function, seed: 1) == nil)
        roster.ordered("w", WorkerOrders(), isPresent: false)
        #expect(roster.place(function, seed: 1) == nil)
    }

    @Test func workerThatHasTheCodeIsPreferred() throws {
        var roster = roster("a", "b", "c")
        let function = InvocableFunction.test("f")
        let code = try #require(ShortDigest(hexadecimal: function.codeHash))
        var changes = CodeChanges()
        changes.fetched = [code]
        let chosen = { (roster: WorkerRoster) in Set((0..<20).compactMap { roster.place(function, seed: $0) }) }
        for worker in ["b", "c"] {
            roster.codeChanged(changes, on: worker)
            #expect(chosen(roster) == [worker])
            roster.listsBegin(on: worker)
        }
        roster.codeChanged(changes, on: "a")
        changes.removed = [code]
        changes.fetched = []
        roster.codeChanged(changes, on: "a")
        #expect(chosen(roster).count > 1)
    }

    @Test func functionsThatUseMuchOfTheCPUKeepApart() {
        var roster = roster("a", "b", "c")
        let first = InvocableFunction.test("first", configuration: "first")
        let second = InvocableFunction.test("second", configuration: "second")
        roster.added(first, on: "a")
        roster.added(.test("calm", configuration: "calm"), on: "b")
        roster.added(second, on: "c")
        roster.ordered("c", WorkerOrders(isCordoned: true), isPresent: true)
        let chosen = { (roster: WorkerRoster) in Set((0..<40).compactMap { roster.place(second, seed: $0) }) }
        #expect(chosen(roster) == ["a", "b"])
        let loads = [first, second].map { function in
            LoadEntry(
                .init(
                    partition: 0,
                    configuration: function.configurationID.rawValue,
                    memoryMB: function.memoryMegabytes
                ),
                cpuMilli: PlacedVersion(function).cpuMilli
            )
        }
        for _ in 0..<20 { roster.measured(loads) }
        #expect(chosen(roster) == ["b"])
    }

    @Test func workerThatIsGoneLeavesNothing() {
        var roster = roster("w")
        roster.added(.test("f"), on: "w")
        roster.remove("w")
        #expect(roster.place(.test("f"), seed: 1) == nil)
        #expect(
            roster.environmentCount(of: PlacedVersion(.test("f")), on: "w") == 0 && roster.load { _ in true }.isEmpty
        )
        roster.registered("w", Self.description("w"), WorkerStandingMessage())
        #expect(roster.environmentCount(of: PlacedVersion(.test("f")), on: "w") == 0)
    }

    // MARK: Counts

    /// What placement should count, from a table of what this manager has and of what workers have told.
    private struct Walk {
        private static let workers = ["a", "b", "c"]
        private static let partitions = 0..<4

        private struct Place: Hashable {
            let worker: String
            let key: CensusEntry.Key
        }

        private let seed: UInt64
        private var random: SeededGenerator
        private var roster = WorkerRoster(policy: PlacementPolicy())
        private var registered: Set<String> = []
        private var held: Set<Int> = []
        private var own: [Place: Int] = [:]
        private var told: [Place: Int] = [:]

        init(seed: UInt64) {
            self.seed = seed
            random = SeededGenerator(seed: seed)
        }

        private mutating func anyKey() -> CensusEntry.Key {
            let partition = Int.random(in: Self.partitions, using: &random)
            let number = Int.random(in: 0..<2, using: &random)
            return CensusEntry.Key(partition: partition, configuration: "\(partition)-\(number)", memoryMB: 128)
        }

        private func function(_ key: CensusEntry.Key) -> InvocableFunction {
            .test("f", configuration: key.configuration, memoryMB: key.memoryMB)
        }

        mutating func step() {
            let worker = Self.workers.randomElement(using: &random) ?? "a"
            let key = anyKey()
            let place = Place(worker: worker, key: key)
            switch Int.random(in: 0..<24, using: &random) {
            case 0:
                let memory = Bool.random(using: &random) ? 50_000 : 100_000
                let description = WorkerRosterTests.description(worker, memoryMB: memory)
                roster.registered(worker, description, WorkerStandingMessage())
                registered.insert(worker)
            case 1 where Int.random(in: 0..<4, using: &random) == 0:
                roster.remove(worker)
                registered.remove(worker)
                own = own.filter { $0.key.worker != worker }
                told = told.filter { $0.key.worker != worker }
            case 2:
                roster.listsBegin(on: worker)
                told = told.filter { $0.key.worker != worker }
            case 3:
                roster.hold(key.partition)
                held.insert(key.partition)
            case 4:
                roster.letGo(key.partition)
                held.remove(key.partition)
            case 5: roster.update(worker, isPresent: Bool.random(using: &random))
            case 6..<12:
                roster.added(function(key), on: worker)
                own[place, default: 0] += 1
            case 12..<17:
                roster.removed(function(key), from: worker)
                if let count = own[place] { own[place] = count > 1 ? count - 1 : nil }
            default:
                let count = Int.random(in: 0...3, using: &random)
                roster.counted([CensusEntry(key, count: count)], on: worker)
                told[place] = count > 0 ? count : nil
            }
            check()
        }

        private func check() {
            for worker in Self.workers {
                for partition in Self.partitions {
                    for number in 0..<2 {
                        let configuration = "\(partition)-\(number)"
                        let key = CensusEntry.Key(partition: partition, configuration: configuration, memoryMB: 128)
                        let place = Place(worker: worker, key: key)
                        let others = held.contains(partition) ? 0 : told[place] ?? 0
                        let expected = registered.contains(worker) ? (own[place] ?? 0) + others : 0
                        let version = PlacedVersion(configuration: configuration, memoryMB: 128)
                        #expect(
                            roster.environmentCount(of: version, on: worker) == expected,
                            "seed \(seed), \(worker), \(configuration)"
                        )
                    }
                }
                let all = told.filter { $0.key.worker == worker }.values.reduce(0, +)
                var report = ManagerReport.Worker(name: worker, connection: .present)
                roster.complete(&report)
                #expect(report.environmentsOfAll == all, "seed \(seed)")
                #expect(report.promisedMB == all * 128, "seed \(seed)")
            }
        }
    }

    @Test(arguments: 0..<30 as Range<UInt64>)
    func placementCountsWhatIsThere(seed: UInt64) {
        var walk = Walk(seed: seed)
        for _ in 0..<300 { walk.step() }
    }
}
