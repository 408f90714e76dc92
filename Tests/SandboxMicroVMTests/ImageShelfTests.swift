import TestSupport
import Testing

@testable import SandboxMicroVM

struct ImageShelfTests {
    @Test func thoseNotUsedForTheLongestTimeGo() {
        var shelf = ImageShelf(bytesMax: 100)
        for name in ["a", "b", "c"] {
            let leaving = shelf.used(name, bytes: 30)
            #expect(leaving.isEmpty)
        }
        var leaving = shelf.used("a", bytes: 30)
        #expect(leaving.isEmpty)
        leaving = shelf.used("d", bytes: 60)
        #expect(leaving == ["b", "c"])
        leaving = shelf.used("a", bytes: 30)
        #expect(leaving.isEmpty)
    }

    @Test func theOneThatIsUsedStaysWhateverItTakes() {
        var shelf = ImageShelf(bytesMax: 100)
        _ = shelf.used("a", bytes: 30)
        var leaving = shelf.used("large", bytes: 1000)
        #expect(leaving == ["a"])
        leaving = shelf.used("large", bytes: 1000)
        #expect(leaving.isEmpty)
        shelf.forget("large")
        leaving = shelf.used("a", bytes: 30)
        #expect(leaving.isEmpty)
    }

    /// Against a list that is kept in the order of use.
    @Test(arguments: 0..<8)
    func holdsWhatWasUsedLast(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var shelf = ImageShelf(bytesMax: 500)
        var kept: [Int] = []
        for _ in 0..<2000 {
            let directory = Int.random(in: 0..<20, using: &random)
            let leaving = shelf.used("\(directory)", bytes: directory * 10 + 5)
            kept.removeAll { $0 == directory }
            kept.append(directory)
            var gone: [String] = []
            while kept.count > 1, kept.reduce(0, { $0 + $1 * 10 + 5 }) > 500 { gone.append("\(kept.removeFirst())") }
            #expect(leaving == gone)
        }
    }
}
