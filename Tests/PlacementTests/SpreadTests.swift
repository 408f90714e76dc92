import TestSupport
import Testing

@testable import Placement

/// How evenly a function lies over zones and hosts where there is room everywhere.
struct SpreadTests {
    /// Hosts that are filled unevenly with other functions, and have room left.
    private static func fleet(hosts: Int, zones: Int, seed: UInt64) -> Fleet {
        var random = SeededGenerator(seed: seed)
        var fleet = Fleet(policy: PlacementPolicy())
        for host in 0..<hosts {
            let size = [1, 2, 4].randomElement(using: &random) ?? 1
            fleet.joined(
                .test(
                    WorkerID("w\(host)"),
                    zone: ZoneName("z\(host % zones)"),
                    memoryMB: 100_000 * size,
                    cpuMilli: 100_000 * size
                )
            )
            for _ in 0..<Int.random(in: 0..<20, using: &random) {
                let function = FunctionVersion.test(Int.random(in: 1000..<1100, using: &random), memoryMB: 1024)
                fleet.placed(function, on: WorkerID("w\(host)"))
            }
        }
        return fleet
    }

    @Test(arguments: 0..<20)
    func noZoneAndNoHostHasMoreThanItsPart(seed: UInt64) throws {
        for (hosts, zones, count) in [(3, 3, 3), (3, 3, 30), (30, 3, 20), (60, 2, 40), (300, 3, 64), (300, 4, 500)] {
            var fleet = Self.fleet(hosts: hosts, zones: zones, seed: seed)
            let workers = fleet.place(count, .test(1))
            #expect(workers.count == count)
            let found = try #require(fleet.concentration(of: .test(1)))
            let slack = max(1, count / 32)
            #expect(found.zoneMax <= (count + zones - 1) / zones + slack, "seed \(seed), \(hosts) hosts: \(found)")
            let part = (count + min(hosts, 64) - 1) / min(hosts, 64)
            // Of few hosts a zone may be short of one, whose part then falls to its neighbours.
            let shortage = hosts < 64 ? 1 : 0
            #expect(found.hostMax <= part + shortage, "seed \(seed), \(hosts) hosts: \(found)")
        }
    }

    @Test(arguments: [2, 3, 4])
    func theFirstEnvironmentsAreInDifferentZones(zones: Int) {
        var fleet = Self.fleet(hosts: 40, zones: zones, seed: 7)
        let workers = fleet.place(zones, .test(1))
        let places = Set(workers.map { (Int($0.text.dropFirst()) ?? 0) % zones })
        #expect(places.count == zones)
    }

    /// Forty hosts of which all have the function but one, and that one is the last that is looked at for density.
    @Test(arguments: [UInt64](0..<50))
    func theOneHostWithoutTheFunctionIsFound(seed: UInt64) {
        var fleet = Fleet((0..<40).map { .test(WorkerID("w\($0)"), memoryMB: 100_000) })
        for host in 0..<40 {
            for _ in 0..<(host + 1) * 2 { fleet.placed(.test(100 + host, memoryMB: 1000), on: WorkerID("w\(host)")) }
            if host > 0 { fleet.placed(.test(1), on: WorkerID("w\(host)")) }
        }
        #expect(fleet.decide(.test(1), seed: seed).worker == "w0")
    }

    /// More zones than a search looks into.
    @Test(arguments: [UInt64](0..<20))
    func theOneZoneWithoutTheFunctionIsFound(seed: UInt64) {
        var fleet = Fleet((0..<20).map { .test(WorkerID("w\($0)"), zone: ZoneName("z\($0)")) })
        for host in 0..<20 where host != 13 { fleet.placed(.test(1), on: WorkerID("w\(host)")) }
        #expect(fleet.decide(.test(1), seed: seed).worker == "w13")
    }

    /// Nothing is placed, since density would keep to the hosts that are used already.
    @Test func newFunctionsComeToAllZonesThoughASearchLooksIntoFew() {
        let fleet = Fleet((0..<20).map { .test(WorkerID("w\($0)"), zone: ZoneName("z\($0)")) })
        var used: Set<WorkerID> = []
        for number in 0..<200 {
            guard let worker = fleet.decide(.test(number), seed: UInt64(number)).worker else { break }
            used.insert(worker)
        }
        #expect(used.count == 20)
    }

    @Test func aLargeFunctionIsNotOnAllHosts() throws {
        var fleet = Self.fleet(hosts: 1000, zones: 3, seed: 3)
        let workers = fleet.place(1000, .test(1))
        #expect((60...200).contains(Set(workers).count), "\(Set(workers).count)")
    }
}
