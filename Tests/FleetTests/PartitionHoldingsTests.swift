import MetadataStore
import TestSupport
import Testing

@testable import Fleet

struct PartitionHoldingsTests {
    private let a = FleetMember.test(.manager, "a")
    private let b = FleetMember.test(.manager, "b")
    private var holdings: PartitionHoldings
    private var partitions = (0..<Partition.count).map { Partition(number: $0) }

    init() {
        holdings = PartitionHoldings(own: a.id)
    }

    private var ownOfTwo: [Int] {
        partitions.map(\.number).filter { Rendezvous.owner(of: $0, among: ["a", "b"]) == "a" }
    }

    private mutating func claim(_ numbers: [Int]) {
        for number in numbers {
            partitions[number].owner = a.id
            partitions[number].epoch += 1
        }
        let leases = numbers.map { PartitionLease(number: $0, epoch: partitions[$0].epoch) }
        #expect(holdings.claimed(leases) == leases)
    }

    @Test mutating func whoIsAloneClaimsAll() {
        let decision = holdings.decide([a], partitions) { _ in true }
        #expect(decision == .init(claimed: Array(0..<Partition.count)))
    }

    @Test mutating func othersPartsAreLeftToThem() {
        #expect(holdings.decide([a, b], partitions) { _ in false } == .init(claimed: ownOfTwo))
    }

    @Test mutating func newcomerIsGivenItsPartWhenItHasSettled() {
        claim(Array(0..<Partition.count))
        #expect(holdings.decide([a, b], partitions) { $0 == a.id } == .init())
        let decision = holdings.decide([a, b], partitions) { _ in true }
        #expect(Set(decision.released.map(\.number)) == Set(0..<Partition.count).subtracting(ownOfTwo))
        #expect(decision.claimed == [] && decision.lost == [])
        holdings.released(decision.released)
        #expect(holdings.leases.map(\.number) == ownOfTwo)
        // The store does not know yet.
        #expect(holdings.decide([a, b], partitions) { _ in true } == .init())
        // The newcomer dies before it claims anything.
        for lease in decision.released { partitions[lease.number].owner = nil }
        #expect(holdings.decide([a], partitions) { _ in true }.claimed == decision.released.map(\.number))
    }

    /// The answer to the claim was lost.
    @Test mutating func whatIsOwnedWithoutBeingKnownIsClaimed() {
        partitions[3].owner = a.id
        partitions[3].epoch = 1
        #expect(holdings.decide([a], [partitions[3]]) { _ in true }.claimed == [3])
    }

    @Test mutating func viewFromBeforeAClaimIsNoLoss() {
        let old = partitions
        claim([1])
        #expect(holdings.decide([a], [old[1]]) { _ in true } == .init())
    }

    @Test mutating func partitionThatAnotherHasIsLost() {
        claim([1, 2])
        partitions[1] = Partition(number: 1, owner: b.id, epoch: 2)
        partitions[2].owner = nil
        #expect(holdings.decide([a], Array(partitions[1...2])) { _ in true }.lost == [1, 2])
        #expect(holdings[1] == nil)
    }

    @Test mutating func whatWasHandedOverIsToldOnce() {
        let lease = PartitionLease(number: 1, epoch: 4, handedOver: 3)
        #expect(holdings.claimed([lease]) == [lease])
        #expect(holdings.claimed([lease]) == [])
        #expect(holdings.leaseEnded() == [1])
        #expect(holdings.leases == [])
        #expect(holdings.claimed([lease]) == [PartitionLease(number: 1, epoch: 4)])
    }
}
