import Testing

@testable import Placement

struct RuledOutTests {
    static let fits = WorkerDescription.test("w", labels: ["gpu", "team=one"], memoryMB: 1000, cpuMilli: 1000)

    static let request = PlacementRequest.test(memoryMB: 1000, labels: ["gpu"])

    @Test func aWorkerThatFitsIsNotRuledOut() {
        #expect(Fleet([Self.fits]).decide(Self.request, seed: 0) == .place(on: "w"))
    }

    @Test(arguments: [RuledOut.Rule.instructionSet, .runtime, .labels, .memory, .cpu])
    func eachRuleIsCounted(rule: RuledOut.Rule) {
        var worker = Self.fits
        switch rule {
        case .instructionSet: worker.instructionSet = .arm
        case .runtime: worker.runtimes = ["java21"]
        case .labels: worker.labels = ["team=one"]
        case .memory: worker.memoryMB = 999
        default: worker.cpuMilli = 565
        }
        var expected = RuledOut(workers: 1)
        expected[rule] = 1
        #expect(Fleet([worker]).decide(Self.request, seed: 0) == .refuse(expected))
        #expect(expected.eligible == 0)
    }

    @Test(arguments: [(WorkerStanding.cordoned, RuledOut.Rule.cordoned), (.draining, .draining), (.silent, .silent)])
    func aWorkerThatIsNotOpenGetsNothing(standing: WorkerStanding, rule: RuledOut.Rule) {
        var fleet = Fleet([Self.fits])
        fleet.changed("w", to: standing)
        var expected = RuledOut(workers: 1)
        expected[rule] = 1
        #expect(fleet.decide(Self.request, seed: 0) == .refuse(expected))
        fleet.changed("w", to: .open)
        #expect(fleet.decide(Self.request, seed: 0).worker == "w")
    }

    @Test func aWorkerNearTheEndOfItsLeaseGetsNothing() {
        var fleet = Fleet([Self.fits])
        fleet.changed("w", leaseNearsEnd: true)
        var expected = RuledOut(workers: 1)
        expected[.leaseEnding] = 1
        #expect(fleet.decide(Self.request, seed: 0) == .refuse(expected))
        fleet.changed("w", leaseNearsEnd: false)
        #expect(fleet.decide(Self.request, seed: 0).worker == "w")
    }

    @Test func aFunctionThatBringsItsRuntimeNeedsNone() {
        #expect(Fleet([.test("w", runtimes: [])]).decide(.test(runtime: nil), seed: 0).worker == "w")
    }

    @Test func aRefusalSaysWhatIsTheMatter() {
        var fleet = Fleet([.test("a", memoryMB: 100), .test("b", .arm), .test("c"), .test("d", memoryMB: 100)])
        fleet.changed("c", to: .draining)
        guard case .refuse(let ruledOut) = fleet.decide(.test(), seed: 0) else {
            Issue.record("there is no room")
            return
        }
        #expect(
            "\(ruledOut)" == "of 4 workers 1 leaving, 1 of another instruction set, 2 short of memory, 0 eligible"
        )
        #expect("\(RuledOut())" == "there are no workers")
    }
}
