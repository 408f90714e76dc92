import Testing

@testable import FrontendRole

struct KeptReservationListTests {
    private static let millisecond = 1_000_000
    private var list = KeptReservationList<String, Int>()

    @Test mutating func latestIsTakenFirstAndOnce() {
        list.add(1, for: "f", at: 0)
        list.add(2, for: "f", at: 1)
        list.add(3, for: "g", at: 2)
        let taken = [list.take(for: "f", at: 3), list.take(for: "f", at: 3), list.take(for: "f", at: 3)]
        #expect(taken == [2, 1, nil])
        #expect(list.take(for: "g", at: 3) == 3)
    }

    @Test mutating func oneThatWorkersMayKeepNoMoreIsNotTaken() {
        list.add(1, for: "f", at: 0)
        list.add(2, for: "f", at: 1 * Self.millisecond)
        #expect(list.take(for: "f", at: 4 * Self.millisecond) == 2)
        #expect(list.take(for: "f", at: 4 * Self.millisecond) == nil)
    }

    @Test mutating func notMoreAreKeptThanAreOfUse() {
        for number in 0..<300 { list.add(number, for: "f", at: 0) }
        var taken: [Int] = []
        while let next = list.take(for: "f", at: 0) { taken.append(next) }
        #expect(taken == Array((44..<300).reversed()))
    }
}
