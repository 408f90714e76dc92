import Testing

@testable import Placement

struct PlacementScoreTests {
    @Test func eachTierOutweighsAllBelowIt() {
        let weights = PlacementPolicy.Weights()
        let below = weights.crowding + weights.noise + weights.packing + weights.codeMiss
        // The first environment too many counts for half.
        #expect(weights.hostSpread / 2 > below)
        #expect(weights.zoneSpread > weights.hostSpread + below)
    }

    @Test func zonesComeBeforeHosts() {
        // In zone a there is a free host, and a has one of the function; b's only host has none.
        var fleet = Fleet([.test("a1", zone: "a"), .test("a2", zone: "a"), .test("b1", zone: "b")])
        fleet.placed(.test(1), on: "a1")
        #expect(fleet.decide(.test(1), seed: 0).worker == "b1")
    }

    @Test func hostsComeBeforeDensity() {
        var fleet = Fleet([.test("full"), .test("empty")])
        fleet.placed(.test(2, memoryMB: 9000), on: "full")
        fleet.placed(.test(1), on: "full")
        #expect(fleet.decide(.test(1), seed: 0).worker == "empty")
    }

    @Test func unlikeFunctionsShareTheFullestHost() {
        var fleet = Fleet([.test("empty"), .test("some"), .test("full")])
        fleet.placed(.test(2, memoryMB: 1000), on: "some")
        fleet.placed(.test(3, memoryMB: 8000), on: "full")
        for number in 10..<20 { #expect(fleet.decide(.test(number), seed: UInt64(number)).worker == "full") }
    }

    @Test func aSmallHostThatIsFullIsFullerThanALargeOneWithAsMuchRoom() {
        var fleet = Fleet([.test("small", memoryMB: 2000), .test("large", memoryMB: 100_000)])
        fleet.placed(.test(2, memoryMB: 500), on: "small")
        fleet.placed(.test(3, memoryMB: 95_000), on: "large")
        #expect(fleet.decide(.test(1), seed: 0).worker == "large")
    }

    @Test(arguments: [UInt64](0..<20))
    func oneOfManyHostsThatHaveTheCodeIsChosen(seed: UInt64) {
        var fleet = Fleet((0..<100).map { .test(WorkerID("w\($0)")) })
        let holders = (0..<40).map { WorkerID("w\($0 * 2 + 1)") }
        for holder in holders { fleet.cached(.test(1), on: holder) }
        #expect(fleet.decide(.test(1), seed: seed).worker.map(holders.contains) == true)
    }

    @Test func codeThatIsThereDecidesAmongLikeHosts() {
        var fleet = Fleet((0..<50).map { .test(WorkerID("w\($0)")) })
        fleet.cached(.test(1), on: "w33")
        #expect(fleet.decide(.test(1), seed: 0).worker == "w33")
        fleet.evicted(.test(1), from: "w33")
        fleet.cached(.test(1), on: "w7")
        #expect(fleet.decide(.test(1), seed: 0).worker == "w7")
    }

    @Test func noisyFunctionsKeepApart() {
        var fleet = Fleet([.test("calm"), .test("loud")], policy: .whole)
        fleet.placed(.test(2, memoryMB: 8000), on: "loud")
        fleet.placed(.test(3, memoryMB: 8000), on: "calm")
        for number in [2, 4] {
            let function = FunctionVersion.test(number, memoryMB: number == 2 ? 8000 : 128)
            if number == 4 { fleet.placed(function, on: "loud") }
            for _ in 0..<20 { fleet.measured(function, cpuMilli: 2 * function.cpuMilli) }
        }
        fleet.removed(.test(4), from: "loud")
        // Forgotten with its last environment, so it has one elsewhere.
        fleet.joined(.test("far", zone: "a"))
        fleet.placed(.test(4), on: "far")
        for _ in 0..<20 { fleet.measured(.test(4), cpuMilli: 2 * FunctionVersion.test(4).cpuMilli) }
        fleet.changed("far", to: .cordoned)
        #expect(fleet.isNoisy(.test(4)))
        #expect(fleet.score(.test(4), on: "loud")?.noise ?? 0 > 0)
        #expect(fleet.decide(.test(4), seed: 0).worker == "calm")
    }

    @Test func anAvoidedZoneIsUsedOnlyWhenThereIsNoRoomElsewhere() {
        var fleet = Fleet([.test("a1", zone: "a"), .test("b1", zone: "b", memoryMB: 1000)])
        let request = PlacementRequest.test(1, memoryMB: 300, avoiding: ["a"])
        let workers = fleet.place(4, request)
        #expect(workers == ["b1", "b1", "b1", "a1"])
    }

    @Test func aZoneThatWasAwayIsFilledFirst() {
        var fleet = Fleet([.test("a1", zone: "a"), .test("b1", zone: "b"), .test("c1", zone: "c")])
        fleet.changed("a1", to: .silent)
        let meanwhile = fleet.place(10, .test(1))
        #expect(Set(meanwhile) == ["b1", "c1"])
        fleet.changed("a1", to: .open)
        let afterwards = fleet.place(4, .test(1))
        #expect(Set(afterwards) == ["a1"])
    }
}
