import TestSupport
import Testing

@testable import MetadataStoreSQL

struct GroupCommitTests {
    private var commit = GroupCommit<Int>()

    @Test mutating func changeThatSomebodyWaitsForIsWrittenAtOnce() {
        #expect(commit.add(1, isPatient: false) == .write)
        #expect(commit.takeGroup() == [1])
        #expect(commit.groupWritten() == nil)
    }

    @Test mutating func changesThatComeMeanwhileAreWrittenTogether() {
        #expect(commit.add(1, isPatient: false) == .write)
        #expect(commit.takeGroup() == [1])
        for number in 2...4 { #expect(commit.add(number, isPatient: number == 3) == nil) }
        #expect(commit.groupWritten() == .write)
        #expect(commit.takeGroup() == [2, 3, 4])
        #expect(commit.groupWritten() == nil)
    }

    @Test mutating func patientChangesAreGathered() {
        #expect(commit.add(1, isPatient: true) == .pause(1))
        #expect(commit.add(2, isPatient: true) == nil)
        #expect(commit.pauseEnded(1) == .write)
        #expect(commit.add(3, isPatient: true) == nil)
        #expect(commit.takeGroup() == [1, 2, 3])
        #expect(commit.add(4, isPatient: true) == nil)
        #expect(commit.groupWritten() == .pause(2))
    }

    @Test mutating func changeThatSomebodyWaitsForEndsAPause() {
        #expect(commit.add(1, isPatient: true) == .pause(1))
        #expect(commit.add(2, isPatient: false) == .write)
        #expect(commit.takeGroup() == [1, 2])
        #expect(commit.groupWritten() == nil)
        #expect(commit.add(3, isPatient: true) == .pause(2))
        #expect(commit.pauseEnded(1) == nil, "the first pause's end is not the second's")
        #expect(commit.pauseEnded(2) == .write)
    }

    @Test mutating func manyPatientChangesEndAPause() {
        for number in 1..<GroupCommit<Int>.patientMax {
            #expect(commit.add(number, isPatient: true) == (number == 1 ? .pause(1) : nil))
        }
        #expect(commit.add(0, isPatient: true) == .write)
        #expect(commit.takeGroup().count == GroupCommit<Int>.patientMax)
    }

    @Test mutating func groupHasALimit() {
        for number in 0..<2000 { _ = commit.add(number, isPatient: number > 0) }
        #expect(commit.takeGroup() == Array(0..<1024))
        #expect(commit.groupWritten() == .write)
        #expect(commit.takeGroup() == Array(1024..<2000))
        #expect(commit.groupWritten() == nil)
    }

    /// Each change is written once, in its turn; one group at a time; and nothing waits but for a pause or a write.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func everyChangeIsWrittenInItsTurn(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var commit = GroupCommit<Int>()
        var (added, urgentMax, written) = (0, -1, 0)
        var pauses: [Int] = []
        var isTaken = false
        var isWriting = false
        func carryOut(_ action: GroupCommit<Int>.Action?) {
            switch action {
            case .write:
                #expect(!isWriting, "seed \(seed)")
                isWriting = true
            case .pause(let number): pauses.append(number)
            case nil: break
            }
        }
        for step in 0..<400 {
            switch step < 300 ? Int.random(in: 0..<10, using: &random) : 9 {
            case 0..<5:
                let isPatient = Int.random(in: 0..<4, using: &random) > 0
                for _ in 0..<([1, 1, 1, 300].randomElement(using: &random) ?? 1) {
                    if !isPatient { urgentMax = added }
                    carryOut(commit.add(added, isPatient: isPatient))
                    added += 1
                }
            case 5 where !pauses.isEmpty, 9 where !pauses.isEmpty && !isWriting:
                let index = Int.random(in: pauses.indices, using: &random)
                carryOut(commit.pauseEnded(pauses.remove(at: index)))
            case _ where isWriting && !isTaken:
                let group = commit.takeGroup()
                #expect(group == Array(written..<written + group.count) && !group.isEmpty, "seed \(seed)")
                written += group.count
                isTaken = true
            case _ where isTaken:
                (isTaken, isWriting) = (false, false)
                carryOut(commit.groupWritten())
            default: break
            }
            #expect(isWriting || urgentMax < written, "seed \(seed): somebody waits, and nothing is written")
            #expect(isWriting || !pauses.isEmpty || written == added, "seed \(seed): changes are forgotten")
        }
        #expect(written == added, "seed \(seed)")
    }
}
