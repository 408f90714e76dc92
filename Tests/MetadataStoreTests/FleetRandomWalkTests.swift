import MetadataStore
import TestSupport
import Testing

@testable import MetadataStorePostgres

/// Managers that do whatever they may in any order, beside a model of what they have running.
@Suite(.enabled(if: TestPostgres.server != nil, "run by scripts/with-postgres"), .timeLimit(.minutes(10)))
struct FleetRandomWalkTests {
    private static let account = 60
    private static let partitions = 0..<6

    private struct Manager {
        let id: FleetMemberID
        var leases: [Int: PartitionLease] = [:]
        /// The invokes that run of each partition, by its own count.
        var running: [Int: Int] = [:]
        var share = 0

        var runningTotal: Int { running.values.reduce(0, +) }
    }

    private struct Walk {
        let store: PostgresFleetStore
        private let seed: UInt64
        private var random: SeededGenerator
        private var managers: [Manager] = []
        /// What evicted managers have left running of each partition, and nobody has counted.
        private var left: [Int: Int] = [:]
        /// What was handed over and nobody has claimed.
        private var handedOver: [Int: Int] = [:]
        private var epochs: [Int: Int] = [:]

        init(_ store: PostgresFleetStore, seed: UInt64) {
            self.store = store
            self.seed = seed
            random = SeededGenerator(seed: seed)
        }

        mutating func step() async throws {
            if managers.isEmpty || managers.count < 4 && Int.random(in: 0..<6, using: &random) == 0 {
                managers.append(Manager(id: try await store.joinManager("m\(Int.random(in: 0..<3, using: &random))")))
            }
            let index = Int.random(in: 0..<managers.count, using: &random)
            switch Int.random(in: 0..<40, using: &random) {
            case 0, 1: try await evict(index)
            case 2: try await leave(index)
            case 3..<10: try await claim(index)
            case 10..<14: try await release(index)
            case 14..<20: try await ask(index)
            case 20..<23: try await giveBack(index)
            case 23..<28: try await recover(index)
            default: invoke(index)
            }
            try await check()
        }

        /// Invokes begin, as many as the share allows, or end.
        private mutating func invoke(_ index: Int) {
            guard let number = managers[index].leases.keys.sorted().randomElement(using: &random) else { return }
            let count = managers[index].running[number] ?? 0
            let free = managers[index].share - managers[index].runningTotal
            let change = Int.random(in: -count...max(0, free), using: &random)
            managers[index].running[number] = count + change
            // Those that nobody knows of end as well.
            if let lost = left[number] { left[number] = Int.random(in: 0...lost, using: &random) }
        }

        private mutating func evict(_ index: Int) async throws {
            let manager = managers.remove(at: index)
            #expect(try await store.evict(manager.id))
            for (number, count) in manager.running { left[number, default: 0] += count }
        }

        private mutating func leave(_ index: Int) async throws {
            let manager = managers.remove(at: index)
            try await store.leave(manager.id, releasing: handOver(manager, Array(manager.leases.keys)))
        }

        private mutating func handOver(_ manager: Manager, _ numbers: [Int]) -> [PartitionRelease] {
            numbers.compactMap { number in
                let running = manager.running[number] ?? 0
                handedOver[number] = running
                return manager.leases[number].map { PartitionRelease($0, running: running) }
            }
        }

        private mutating func claim(_ index: Int) async throws {
            let numbers = partitions.filter { _ in Bool.random(using: &random) }
            let claim = try await store.claim(numbers, for: managers[index].id)
            managers[index].share = claim.share
            for lease in claim.leases where managers[index].leases[lease.number] == nil {
                #expect(lease.epoch == (epochs[lease.number] ?? 0) + 1, "seed \(seed)")
                #expect(lease.handedOver == handedOver.removeValue(forKey: lease.number) ?? 0, "seed \(seed)")
                epochs[lease.number] = lease.epoch
                managers[index].leases[lease.number] = lease
                managers[index].running[lease.number] = lease.handedOver
            }
        }

        private mutating func release(_ index: Int) async throws {
            let numbers = managers[index].leases.keys.sorted().filter { _ in Bool.random(using: &random) }
            let releases = handOver(managers[index], numbers)
            managers[index].share = try await store.release(releases, of: managers[index].id)
            for number in numbers {
                managers[index].leases[number] = nil
                managers[index].running[number] = nil
            }
        }

        private mutating func recover(_ index: Int) async throws {
            let inherited = managers[index].leases.values.filter { !$0.inheritedFrom.isEmpty }
            guard let lease = inherited.min(by: { $0.number < $1.number }) else { return }
            let count = left.removeValue(forKey: lease.number) ?? 0
            managers[index].share = try await store.recovered(lease, of: managers[index].id, running: count)
            managers[index].running[lease.number, default: 0] += count
            managers[index].leases[lease.number] = PartitionLease(number: lease.number, epoch: lease.epoch)
        }

        private mutating func ask(_ index: Int) async throws {
            let more = Int.random(in: 0...40, using: &random)
            managers[index].share = try await store.askShare(of: managers[index].id, more: more, account: account).share
        }

        private mutating func giveBack(_ index: Int) async throws {
            let kept = Int.random(in: managers[index].runningTotal...account, using: &random)
            managers[index].share = try await store.giveBackShare(of: managers[index].id, keeping: kept)
        }

        private func check() async throws {
            let view = try await store.view()
            #expect(view.sharesTotal <= account, "seed \(seed)")
            for manager in managers {
                #expect(manager.runningTotal <= manager.share, "seed \(seed)")
                #expect(view.shares.first { $0.manager == manager.id }?.share == manager.share, "seed \(seed)")
                for lease in manager.leases.values {
                    let partition = view.partitions[lease.number]
                    #expect(partition.owner == manager.id && partition.epoch == lease.epoch, "seed \(seed)")
                }
            }
            for number in partitions {
                #expect(view.partitions[number].handedOver == handedOver[number] ?? 0, "seed \(seed)")
            }
            // What nobody has counted is covered by the shares of those who are gone.
            let orphans = view.shares.filter(\.isOrphan)
            #expect(left.values.reduce(0, +) <= orphans.reduce(0) { $0 + $1.share }, "seed \(seed)")
            let heirs = Set(view.partitions.flatMap(\.inheritedFrom))
            #expect(Set(orphans.map(\.manager)) == heirs, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<12 as Range<UInt64>)
    func everyInvokeIsCoveredByAShareAndAllSharesByThePool(seed: UInt64) async throws {
        let directory = try TemporaryDirectory()
        var walk = Walk(try await PostgresFleetStore(.test(directory), isListening: false), seed: seed)
        for _ in 0..<250 { try await walk.step() }
    }
}
