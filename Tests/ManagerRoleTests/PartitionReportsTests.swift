import TestSupport
import Testing

@testable import ManagerRole

struct PartitionReportsTests {
    private typealias Machine = PartitionReports<String>

    private func isNamed(_ environment: String, in machine: inout Machine) -> Bool {
        machine.named(environment, of: 1)
    }

    @Test func whatIsNotNamedIsMissing() {
        var machine = Machine()
        machine.asked(1, knowing: ["a", "b"])
        #expect(isNamed("a", in: &machine))
        #expect(isNamed("new", in: &machine))
        #expect(machine.completed(1) == ["b"])
        #expect(machine.completed(1) == nil)
        #expect(!isNamed("a", in: &machine))
    }

    @Test func onlyTheLastAnswerCounts() {
        var machine = Machine()
        machine.asked(1, knowing: ["a", "b"])
        machine.asked(1, knowing: ["a", "b"])
        #expect(!isNamed("a", in: &machine))
        #expect(machine.completed(1) == nil)
        #expect(isNamed("b", in: &machine))
        #expect(machine.completed(1) == ["a"])
    }

    @Test func whatWasMadeAfterTheQuestionIsNotMissing() {
        var machine = Machine()
        machine.asked(1, knowing: [])
        #expect(machine.completed(1) == [])
    }

    @Test func questionThatIsRefusedHasNoAnswer() {
        var machine = Machine()
        machine.asked(1, knowing: ["a"])
        machine.asked(1, knowing: ["a"])
        machine.refused(1)
        #expect(isNamed("a", in: &machine))
        #expect(machine.completed(1) == [])
        machine.refused(2)
    }

    @Test func newConnectionOwesNothing() {
        var machine = Machine()
        machine.asked(1, knowing: ["a"])
        machine.disconnected()
        #expect(machine.completed(1) == nil)
        machine.asked(1, knowing: ["a"])
        #expect(machine.completed(1) == ["a"])
    }

    /// A worker that answers in order, whose environments come and go: once every answer has come, the manager knows of
    /// what is there and of nothing else.
    @Test(arguments: 0..<50 as Range<UInt64>)
    func managerEndsUpWithWhatIsThere(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var machine = PartitionReports<Int>()
        var there: Set<Int> = []
        var known: Set<Int> = []
        // What the worker has still to read: questions, and environments that it is to make.
        var asked: [Int?] = []
        var next = 0
        for step in 0..<300 {
            switch Int.random(in: 0..<8, using: &random) {
            case 0, 1:
                machine.asked(1, knowing: known)
                asked.append(nil)
            case 2:
                next += 1
                known.insert(next)
                asked.append(next)
            case 3:
                // It ends, and the manager does not hear of it.
                if let gone = there.sorted().randomElement(using: &random) { there.remove(gone) }
            case 4 where step < 250 && Int.random(in: 0..<8, using: &random) == 0:
                machine.disconnected()
                asked = []
            default:
                guard !asked.isEmpty else { continue }
                answer()
            }
        }
        machine.asked(1, knowing: known)
        asked.append(nil)
        while !asked.isEmpty { answer() }
        #expect(known == there, "seed \(seed)")

        func answer() {
            if let made = asked.removeFirst() {
                there.insert(made)
                return
            }
            for environment in there where machine.named(environment, of: 1) { known.insert(environment) }
            if let missing = machine.completed(1) { known.subtract(missing) }
        }
    }
}
