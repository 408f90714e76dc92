import TestSupport
import Testing

@testable import Placement

/// The tables of a fleet beside dictionaries.
struct TableTests {
    /// Few homes, so that records collide and runs wrap around the end.
    @Test(arguments: 0..<100)
    func slotsFindWhatADictionaryFinds(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = SlotTable()
        let hashes = (0..<100).map { _ in UInt64.random(in: 0..<40, using: &random) &+ (seed % 2 == 0 ? 0 : .max - 20) }
        var there: Set<Int32> = []
        for _ in 0..<400 {
            let record = Int32.random(in: 0..<100, using: &random)
            if there.remove(record) != nil {
                table.remove(record, hashes[Int(record)]) { hashes[Int($0)] }
            } else {
                there.insert(record)
                table.insert(record, hashes[Int(record)]) { hashes[Int($0)] }
            }
            #expect(table.count == there.count)
            let found = (0..<100).filter { record in table.find(hashes[Int(record)]) { $0 == record } != nil }
            #expect(Set(found) == there, "seed \(seed)")
        }
    }

    @Test(arguments: 0..<100)
    func residencesCountWhatADictionaryCounts(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = ResidenceTable()
        var counts: [[Int32]: Int] = [:]
        for _ in 0..<300 {
            let (function, worker) = (Int32.random(in: 0..<8, using: &random), Int32.random(in: 0..<8, using: &random))
            if Int.random(in: 0..<5, using: &random) < 3 {
                counts[[function, worker], default: 0] += 1
                let count = table.add(function, worker)
                #expect(count == counts[[function, worker]])
            } else {
                let left = counts[[function, worker]].map { $0 - 1 }
                counts[[function, worker]] = left == 0 ? nil : left
                let found = table.remove(function, worker)
                #expect(found == left)
            }
        }
        #expect(table.count == counts.count)
        for number in Int32(0)..<8 {
            var onWorkers: [Int32: Int] = [:]
            table.forEachWorker(of: number) { worker, count in
                onWorkers[worker] = count
                return true
            }
            for worker in Int32(0)..<8 {
                #expect(table.count(of: number, on: worker) == counts[[number, worker]] ?? 0, "seed \(seed)")
                #expect(onWorkers[worker] == counts[[number, worker]], "seed \(seed)")
            }
            let functions = Dictionary(
                uniqueKeysWithValues: table.functions(on: number).map { ($0.function, $0.count) }
            )
            for function in Int32(0)..<8 { #expect(functions[function] == counts[[function, number]], "seed \(seed)") }
        }
    }

    @Test func aFunctionKeepsItsZonesWhenMoreComeUp() {
        var table = FunctionTable()
        let (first, second) = (table.number(of: .test(1)), table.number(of: .test(2)))
        table.count(first, in: 0, by: 1)
        table.count(second, in: 9, by: 1)
        table.count(first, in: 2, by: 1)
        #expect([0, 1, 2, 9, 40].map { table.environments(of: first, in: $0) } == [1, 0, 1, 0, 0])
        #expect([0, 1, 2, 9, 40].map { table.environments(of: second, in: $0) } == [0, 0, 0, 1, 0])
        #expect(table[first].environments == 2)
    }

    @Test func aForgottenFunctionsNumberIsAnothers() {
        var table = FunctionTable()
        let first = table.number(of: .test(1))
        table.release(first)
        #expect(table.find(.test(1)) == nil)
        let second = table.number(of: .test(2))
        #expect(second == first)
        #expect(table.count == 1)
    }

    @Test func labelsAreFoundTheRarestFirst() {
        var table = LabelTable()
        table.add(0, ["common", "rare"])
        table.add(1, ["common"])
        let found = table.find(["common", "rare"]) ?? []
        #expect(found.map { table.workers(with: $0) } == [[0], [0, 1]])
        #expect(table.has(0, found) && !table.has(1, found))
        #expect(table.find([]) == [] && table.find(["common", "unknown"]) == nil)
        table.remove(0)
        #expect(table.find(["rare"]) == nil)
        let common = table.find(["common"]) ?? []
        #expect(common.map { table.workers(with: $0) } == [[1]])
    }

    @Test func theCodeThatCameFirstMakesRoom() {
        var table = CodeCacheTable(placesMax: 2)
        for code in 1...3 { table.add(.test(code), 5) }
        #expect(table.find(.test(1)) == nil)
        let known = [2, 3].compactMap { table.find(.test($0)) }
        #expect(known.count == 2 && known.allSatisfy { table.has($0, 5) && !table.has($0, 4) })
    }

    @Test(arguments: 0..<100)
    func cachesHoldWhatListsHold(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var table = CodeCacheTable(placesMax: 3)
        var places = Array(repeating: (codes: [Int?](repeating: nil, count: 3), next: 0), count: 5)
        for _ in 0..<300 {
            let (worker, code) = (Int.random(in: 0..<5, using: &random), Int.random(in: 0..<9, using: &random))
            switch Int.random(in: 0..<10, using: &random) {
            case 0:
                table.removeAll(of: Int32(worker))
                places[worker] = ([nil, nil, nil], 0)
            case 1, 2:
                table.remove(.test(code), Int32(worker))
                for place in 0..<3 where places[worker].codes[place] == code { places[worker].codes[place] = nil }
            default:
                table.add(.test(code), Int32(worker))
                guard !places[worker].codes.contains(code) else { continue }
                places[worker].codes[places[worker].next] = code
                places[worker].next = (places[worker].next + 1) % 3
            }
        }
        for code in 0..<9 {
            let holders = Set((0..<5).filter { places[$0].codes.contains(code) }.map(Int32.init))
            guard let number = table.find(.test(code)) else {
                #expect(holders.isEmpty, "seed \(seed)")
                continue
            }
            var found: Set<Int32> = []
            table.forEachHolder(of: number) { found.insert($0).inserted }
            #expect(found == holders && table.holders(of: number) == holders.count, "seed \(seed)")
            for worker in Int32(0)..<5 { #expect(table.has(number, worker) == holders.contains(worker)) }
        }
    }
}
