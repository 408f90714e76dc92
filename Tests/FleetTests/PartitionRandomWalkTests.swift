import MetadataStore
import TestSupport
import Testing

@testable import Fleet

/// Managers that come, die and leave beside a model of the store, with views that are out of date and answers that are
/// lost.
struct PartitionRandomWalkTests {
    private struct Manager {
        let member: FleetMember
        var holdings: PartitionHoldings
        var managers: [FleetMember] = []
        var partitions: [Partition] = []
        /// Stopped, and not written yet.
        var releases: [PartitionLease] = []

        init(_ name: String) {
            member = .test(.manager, name)
            holdings = PartitionHoldings(own: member.id)
        }
    }

    private struct Walk {
        private static let numbers = 0..<24

        private let seed: UInt64
        private var random: SeededGenerator
        private var stored = Self.numbers.map { Partition(number: $0) }
        private var members: [FleetMember] = []
        private var managers: [Manager] = []
        private(set) var moves = 0

        init(seed: UInt64) {
            self.seed = seed
            random = SeededGenerator(seed: seed)
        }

        private mutating func happens(oneIn count: Int) -> Bool { Int.random(in: 0..<count, using: &random) == 0 }

        mutating func step() {
            if managers.isEmpty || managers.count < 5 && happens(oneIn: 25) { join() }
            let index = Int.random(in: 0..<managers.count, using: &random)
            switch Int.random(in: 0..<60, using: &random) {
            case 0: remove(at: index)
            case 1:
                // The lease has ended, and is renewed later.
                _ = managers[index].holdings.leaseEnded()
            default: tend(index, isTroubled: true)
            }
            check()
        }

        /// Everybody does what is to be done until there is nothing left.
        mutating func settle() {
            for _ in 0..<6 {
                for index in managers.indices { tend(index, isTroubled: false) }
                check()
            }
            for manager in managers {
                let names = managers.map(\.member.id.name)
                let own = Self.numbers.filter { Rendezvous.owner(of: $0, among: names) == manager.member.id.name }
                #expect(manager.holdings.leases.map(\.number) == own, "seed \(seed)")
                #expect(own.allSatisfy { stored[$0].owner == manager.member.id }, "seed \(seed)")
            }
        }

        private mutating func join() {
            let names = ["a", "b", "c", "d", "e"].filter { name in !managers.contains { $0.member.id.name == name } }
            guard let name = names.randomElement(using: &random) else { return }
            let manager = Manager(name)
            members.append(manager.member)
            managers.append(manager)
        }

        /// It leaves, or dies and is evicted; in any case it acts no more.
        private mutating func remove(at index: Int) {
            let id = managers.remove(at: index).member.id
            members.removeAll { $0.id == id }
            for number in Self.numbers where stored[number].owner == id { stored[number].owner = nil }
        }

        private mutating func tend(_ index: Int, isTroubled: Bool) {
            var manager = managers[index]
            defer { managers[index] = manager }
            if !isTroubled || happens(oneIn: 3) { (manager.managers, manager.partitions) = (members, stored) }
            guard manager.releases.isEmpty || write(&manager, isTroubled: isTroubled) else { return }
            let isSettled = !isTroubled || happens(oneIn: 2)
            let decision = manager.holdings.decide(manager.managers, manager.partitions) { _ in isSettled }
            #expect(decision.lost == [], "seed \(seed)")
            if !decision.claimed.isEmpty { claim(decision.claimed, &manager, isTroubled: isTroubled) }
            manager.holdings.released(decision.released)
            manager.releases += decision.released
            if !manager.releases.isEmpty { _ = write(&manager, isTroubled: isTroubled) }
        }

        private mutating func claim(_ numbers: [Int], _ manager: inout Manager, isTroubled: Bool) {
            let (isLost, isMade) = (isTroubled && happens(oneIn: 5), happens(oneIn: 2))
            guard !isLost || isMade else { return }
            for number in numbers where stored[number].owner == nil {
                stored[number].owner = manager.member.id
                stored[number].epoch += 1
                moves += 1
            }
            guard !isLost else { return }
            let own = numbers.filter { stored[$0].owner == manager.member.id }
            _ = manager.holdings.claimed(own.map { PartitionLease(number: $0, epoch: stored[$0].epoch) })
        }

        private mutating func write(_ manager: inout Manager, isTroubled: Bool) -> Bool {
            let (isLost, isMade) = (isTroubled && happens(oneIn: 5), happens(oneIn: 2))
            guard !isLost || isMade else { return false }
            for lease in manager.releases {
                let partition = stored[lease.number]
                guard partition.owner == manager.member.id, partition.epoch == lease.epoch else { continue }
                stored[lease.number].owner = nil
            }
            guard !isLost else { return false }
            manager.releases = []
            return true
        }

        private func check() {
            var holders: Set<Int> = []
            for manager in managers {
                for lease in manager.holdings.leases {
                    let partition = stored[lease.number]
                    #expect(holders.insert(lease.number).inserted, "seed \(seed): \(lease.number) has two holders")
                    #expect(partition.owner == manager.member.id && partition.epoch == lease.epoch, "seed \(seed)")
                }
            }
        }
    }

    @Test(arguments: 0..<150 as Range<UInt64>)
    func partitionIsHeldByOneAtATimeAndInTheEndByItsOwn(seed: UInt64) {
        var walk = Walk(seed: seed)
        for _ in 0..<400 { walk.step() }
        walk.settle()
        #expect(walk.moves > 24, "seed \(seed)")
    }
}
