import TestSupport
import Testing

@testable import ManagerRole

struct PartitionTakeoverTests {
    private typealias Machine = PartitionTakeover<String>

    @Test func partitionIsReadyWhenAllWorkersHaveTold() {
        var machine = Machine()
        #expect(machine.gained(1, since: 5, awaiting: ["a", "b"]) == false)
        #expect(machine.epoch(of: 1) == 5 && !machine.isReady(1))
        #expect(machine.reported(1, since: 5, by: "a") == false)
        #expect(machine.reported(1, since: 5, by: "a") == false)
        #expect(machine.awaited == ["b"])
        #expect(machine.reported(1, since: 5, by: "b") == true)
        #expect(machine.isReady(1))
        // Again, or by whom nobody waits for: no news.
        #expect(!machine.reported(1, since: 5, by: "b") && !machine.reported(1, since: 5, by: "c"))
    }

    @Test func partitionWithoutWorkersIsReadyAtOnce() {
        var machine = Machine()
        #expect(machine.gained(1, since: 5, awaiting: []) == true)
        #expect(machine.isReady(1) && machine.epochs == [1: 5])
    }

    @Test func reportOfAnotherEpochDoesNotCount() {
        var machine = Machine()
        _ = machine.gained(1, since: 5, awaiting: ["a"])
        #expect(!machine.reported(1, since: 4, by: "a") && !machine.reported(1, since: 6, by: "a"))
        #expect(!machine.isReady(1))
    }

    @Test func lostWorkerIsWaitedForNoMore() {
        var machine = Machine()
        _ = machine.gained(1, since: 5, awaiting: ["a"])
        _ = machine.gained(2, since: 5, awaiting: ["a", "b"])
        _ = machine.gained(3, since: 5, awaiting: ["b"])
        #expect(machine.workerLost("a") == [1])
        #expect(machine.workerLost("a") == [])
        #expect(Set(machine.workerLost("b")) == [2, 3])
    }

    @Test func lostPartitionIsNotReadyAndBeginsAnew() {
        var machine = Machine()
        _ = machine.gained(1, since: 5, awaiting: [])
        machine.lost(1)
        #expect(!machine.isReady(1) && machine.epoch(of: 1) == nil)
        #expect(machine.reported(1, since: 5, by: "a") == false)
        #expect(machine.gained(1, since: 5, awaiting: ["a"]) == false)
        #expect(!machine.isReady(1))
    }

    /// Beside a table of who has told what: a partition becomes ready once, when the last has told or is lost.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func readinessIsToldOnce(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var machine = Machine()
        var model: [Int: (epoch: Int, awaited: Set<String>)] = [:]
        let workers = ["a", "b", "c", "d"]
        for _ in 0..<400 {
            let partition = Int.random(in: 0..<3, using: &random)
            let worker = workers.randomElement(using: &random) ?? "a"
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                let awaited = Set(workers.filter { _ in Bool.random(using: &random) })
                let epoch = Int.random(in: 1...3, using: &random)
                #expect(machine.gained(partition, since: epoch, awaiting: awaited) == awaited.isEmpty)
                model[partition] = (epoch, awaited)
            case 1:
                machine.lost(partition)
                model[partition] = nil
            case 2:
                let ready = model.filter { $0.value.awaited == [worker] }.keys
                #expect(Set(machine.workerLost(worker)) == Set(ready), "seed \(seed)")
                for number in model.keys { model[number]?.awaited.remove(worker) }
            default:
                let epoch = Int.random(in: 1...3, using: &random)
                let isMeant = model[partition]?.epoch == epoch
                let isLast = isMeant && model[partition]?.awaited == [worker]
                #expect(machine.reported(partition, since: epoch, by: worker) == isLast, "seed \(seed)")
                if isMeant { model[partition]?.awaited.remove(worker) }
            }
            for number in 0..<3 {
                #expect(machine.isReady(number) == (model[number]?.awaited.isEmpty ?? false), "seed \(seed)")
                #expect(machine.epoch(of: number) == model[number]?.epoch, "seed \(seed)")
            }
        }
    }
}
