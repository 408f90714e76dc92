import Testing

@testable import Placement

struct FleetTests {
    @Test func whatIsReportedOfSomethingGoneChangesNothing() {
        var fleet = Fleet([.test("w")])
        let answers = [
            fleet.joined(.test("w", zone: "b")),
            fleet.left("gone"),
            fleet.changed("gone", to: .draining),
            fleet.changed("gone", leaseNearsEnd: true),
            fleet.placed(.test(1), on: "gone"),
            fleet.removed(.test(1), from: "w"),
            fleet.measured(.test(1), cpuMilli: 5),
            fleet.cached(.test(1), on: "gone"),
            fleet.evicted(.test(1), from: "gone"),
        ]
        #expect(!answers.contains(true))
        #expect(fleet.figures() == FleetFigures(workers: 1, emptyWorkers: 1, emptyMemoryMB: 10_000))
    }

    @Test func aWorkerTakesItsEnvironmentsAndCodeWithIt() {
        var fleet = Fleet([.test("w"), .test("v")])
        for worker: WorkerID in ["w", "w", "v"] {
            fleet.placed(.test(1), on: worker)
            fleet.cached(.test(1), on: worker)
        }
        fleet.left("w")
        #expect(fleet.environmentCount == 1)
        #expect(fleet.concentration(of: .test(1)) == Concentration(environments: 1, zoneMax: 1, hostMax: 1))
        fleet.joined(.test("w"))
        #expect(!fleet.hasCode(.test(1), on: "w") && fleet.hasCode(.test(1), on: "v"))
        #expect(fleet.environments(of: .test(1), on: "w") == 0)
    }

    @Test func environmentsThatDoNotFitCountNevertheless() {
        var fleet = Fleet([.test("w", memoryMB: 1000)])
        for _ in 0..<3 { fleet.placed(.test(1, memoryMB: 600), on: "w") }
        #expect(fleet.decide(.test(2, memoryMB: 1), seed: 0).worker == nil)
        for _ in 0..<2 { fleet.removed(.test(1, memoryMB: 600), from: "w") }
        #expect(fleet.decide(.test(2, memoryMB: 400), seed: 0).worker == "w")
        #expect(fleet.decide(.test(2, memoryMB: 401), seed: 0).worker == nil)
    }

    @Test(arguments: [Int.min, -1, 0, Int.max])
    func capacityThatCannotBeIsBroughtWithinBounds(capacity: Int) {
        var fleet = Fleet([.test("w", memoryMB: capacity, cpuMilli: capacity)])
        fleet.placed(.test(1, memoryMB: .max), on: "w")
        fleet.placed(.test(1, memoryMB: .max), on: "w")
        #expect(fleet.decide(.test(2), seed: 0).worker == nil)
        fleet.left("w")
        #expect(fleet.figures() == FleetFigures())
    }

    @Test func reserveAndPromisesBoundWhatFits() {
        var policy = PlacementPolicy()
        policy.memoryReserve = 0.1
        policy.cpuOvercommit = 2
        let fleet = Fleet([.test("w", memoryMB: 2000, cpuMilli: 500)], policy: policy)
        // 1800 MB are not reserved, and the share of 1769 MB is what 500 promised twice are.
        #expect(fleet.decide(.test(memoryMB: 1769), seed: 0).worker == "w")
        var ruledOut = RuledOut(workers: 1)
        ruledOut[.cpu] = 1
        #expect(fleet.decide(.test(memoryMB: 1770), seed: 0) == .refuse(ruledOut))
    }

    @Test func aFunctionIsNoisyUntilItIsWellBelowItsLimit() {
        var fleet = Fleet([.test("w")])
        // Its share is a vCPU, which is promised four times: 250 thousandths are reckoned with.
        let function = FunctionVersion.test(1, memoryMB: 1769)
        fleet.placed(function, on: "w")
        for _ in 0..<20 { fleet.measured(function, cpuMilli: 300) }
        #expect(!fleet.isNoisy(function))
        for _ in 0..<20 { fleet.measured(function, cpuMilli: 325) }
        #expect(fleet.isNoisy(function))
        for _ in 0..<20 { fleet.measured(function, cpuMilli: 300) }
        #expect(fleet.isNoisy(function))
        for _ in 0..<20 { fleet.measured(function, cpuMilli: 250) }
        #expect(!fleet.isNoisy(function))
        #expect(fleet.figures().noisyPart == 0)
    }

    @Test func oneReportDoesNotMakeAFunctionNoisy() {
        var fleet = Fleet([.test("w")])
        fleet.placed(.test(1), on: "w")
        fleet.measured(.test(1), cpuMilli: FunctionVersion.test(1).cpuMilli)
        #expect(!fleet.isNoisy(.test(1)))
    }
}
