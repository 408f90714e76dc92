import TestSupport
import Testing

@testable import Placement

struct RoomShelfTests {
    @Test func classesGrowWithRoomAndNoneIsSkipped() {
        var last = 0
        for room in 0..<70_000 {
            let roomClass = RoomShelf.roomClass(room)
            if roomClass != last && roomClass != last + 1 { Issue.record("\(room)") }
            last = roomClass
        }
    }

    @Test(arguments: [Int.min, -1, 0, FunctionVersion.memoryMBMax, Int.max])
    func everyRoomHasAClass(room: Int) {
        #expect((0..<RoomShelf.classCount).contains(RoomShelf.roomClass(room)))
    }

    @Test func aClassIsAtMostAnEighthWide() {
        for room in 16..<50_000 where RoomShelf.roomClass(room) == RoomShelf.roomClass(room + room / 8 + 1) {
            Issue.record("\(room)")
        }
    }

    @Test(arguments: 0..<50)
    func findsWhatAListFinds(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var shelf = RoomShelf()
        var buckets: [Int: [Int32]] = [:]
        for worker in 0..<Int32(200) {
            let roomClass = Int.random(in: 0..<RoomShelf.classCount, using: &random)
            let old = buckets.keys.sorted().randomElement(using: &random)
            if Bool.random(using: &random), let old, var bucket = buckets[old] {
                let position = bucket.indices.randomElement(using: &random) ?? 0
                let moved = shelf.remove(at: Int32(position), old)
                bucket.swapAt(position, bucket.count - 1)
                bucket.removeLast()
                #expect(moved == (position < bucket.count ? bucket[position] : nil))
                buckets[old] = bucket.isEmpty ? nil : bucket
            } else {
                let position = shelf.add(worker, roomClass)
                buckets[roomClass, default: []].append(worker)
                #expect(buckets[roomClass]?.count == Int(position) + 1)
            }
            let from = Int.random(in: 0...RoomShelf.classCount, using: &random)
            #expect(shelf.firstTaken(from: from) == buckets.keys.filter { $0 >= from }.min(), "seed \(seed)")
            #expect(buckets.allSatisfy { shelf.bucket($0.key) == $0.value }, "seed \(seed)")
        }
    }
}
