import FleetProtocol
import TestSupport
import Testing

@testable import WorkerRole

struct LoadAccountsTests {
    private typealias Reading = LoadAccounts<Int>.Reading

    private static let key = CensusEntry.Key(partition: 1, configuration: "c", memoryMB: 128)
    private static let other = CensusEntry.Key(partition: 2, configuration: "d", memoryMB: 128)

    private static func reading(_ id: Int, _ cpu: Int?, _ key: CensusEntry.Key = key) -> Reading {
        Reading(environment: id, key: key, cpuNanoseconds: cpu)
    }

    @Test func loadIsTheAverageOfAllEnvironmentsOfAVersion() {
        var accounts = LoadAccounts<Int>()
        // What was used before the first look does not count.
        let first = accounts.looked(at: [Self.reading(1, 500), Self.reading(2, 900)], after: 1000)
        #expect(first == [])
        let entries = accounts.looked(at: [Self.reading(1, 1000), Self.reading(2, 1100)], after: 1000)
        #expect(entries == [LoadEntry(Self.key, cpuMilli: 350)])
        // One that nobody has looked at has used nothing.
        let halves = accounts.looked(at: [Self.reading(1, 1400), Self.reading(2, nil)], after: 1000)
        #expect(halves == [LoadEntry(Self.key, cpuMilli: 200)])
        // And its next reading counts from its last.
        let later = accounts.looked(at: [Self.reading(1, nil), Self.reading(2, 1300)], after: 1000)
        #expect(later == [LoadEntry(Self.key, cpuMilli: 100)])
    }

    @Test func versionThatIsQuietIsToldOfForAWhileAndThenNoMore() {
        var accounts = LoadAccounts<Int>()
        _ = accounts.looked(at: [Self.reading(1, 0)], after: 10)
        let busy = accounts.looked(at: [Self.reading(1, 10)], after: 10)
        #expect(busy == [LoadEntry(Self.key, cpuMilli: 1000)])
        var quiet = 0
        while true {
            let entries = accounts.looked(at: [Self.reading(1, nil)], after: 10)
            guard entries == [LoadEntry(Self.key, cpuMilli: 0)] else { break }
            quiet += 1
        }
        #expect(quiet == 9)
        let busyAgain = accounts.looked(at: [Self.reading(1, 20)], after: 10)
        #expect(busyAgain == [LoadEntry(Self.key, cpuMilli: 1000)])
    }

    /// Beside the plain way: every environment is looked at each time, and the sums are made anew.
    @Test(arguments: 0..<20)
    func walk(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var accounts = LoadAccounts<Int>()
        var used: [Int: Int] = [:]
        var keys: [Int: CensusEntry.Key] = [:]
        var next = 0
        for _ in 0..<200 {
            if Int.random(in: 0..<3, using: &random) == 0 {
                keys[next] = Bool.random(using: &random) ? Self.key : Self.other
                next += 1
            }
            if let gone = keys.keys.sorted().randomElement(using: &random), Int.random(in: 0..<5, using: &random) == 0 {
                keys[gone] = nil
                used[gone] = nil
            }
            var readings: [Reading] = []
            var sums: [CensusEntry.Key: (used: Int, count: Int)] = [:]
            for (id, key) in keys {
                let isNew = used[id] == nil
                let more = isNew || Bool.random(using: &random) ? Int.random(in: 0...1000, using: &random) : 0
                used[id, default: 0] += more
                // What has used nothing need not be looked at, but for the first time.
                let isSeen = isNew || more > 0 || Bool.random(using: &random)
                readings.append(Self.reading(id, isSeen ? used[id] : nil, key))
                sums[key, default: (0, 0)].used += isNew ? 0 : more
                sums[key]?.count += 1
            }
            let elapsed = Int.random(in: 1...1000, using: &random)
            let told = Dictionary(
                uniqueKeysWithValues: accounts.looked(at: readings, after: elapsed).map { ($0.key, $0.cpuMilli) }
            )
            for (key, sum) in sums {
                #expect(told[key] ?? 0 == sum.used * 1000 / sum.count / elapsed, "seed \(seed)")
            }
            #expect(Set(told.keys).isSubset(of: sums.keys), "seed \(seed)")
        }
    }
}
