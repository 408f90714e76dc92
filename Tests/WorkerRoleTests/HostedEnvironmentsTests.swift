import Testing

@testable import WorkerRole

struct HostedEnvironmentsTests {
    typealias Machine = HostedEnvironments<String, String, String, Int>

    private static let leash = 10

    /// Manager `m` has partition 1 since epoch 5, proven from 0 on.
    private func machine(budget: Int = 100) -> Machine {
        var machine = Machine(memoryBudget: budget, leash: Self.leash)
        _ = machine.owned(1, since: 5, by: "m", at: 0, makeToken: { 0 })
        machine.heartbeatAnswered(by: "m", sentAt: 0)
        return machine
    }

    private func start(
        _ environment: String,
        epoch: Int = 5,
        memory: Int = 10,
        isProvisioned: Bool = false,
        by manager: String = "m",
        in machine: inout Machine
    ) -> Machine.StartAction {
        machine.startRequested(
            environment,
            in: 1,
            since: epoch,
            memory: memory,
            isProvisioned: isProvisioned,
            by: manager
        )
    }

    /// With environment `e`, idle since 0 with token 7.
    private func machineWithIdleEnvironment() -> Machine {
        var machine = machine()
        _ = start("e", in: &machine)
        _ = machine.becameIdle("e", with: 7, at: 0)
        return machine
    }

    // MARK: Who decides

    @Test func laterManagerIsFollowedAndAnEarlierOneToldSo() {
        var machine = machine()
        #expect(machine.owned(1, since: 4, by: "old", at: 0, makeToken: { 0 }) == .outdated(epoch: 5))
        #expect(machine.ownerships[1]?.manager == "m")
        #expect(machine.owned(1, since: 6, by: "n", at: 0, makeToken: { 0 }) == .report([]))
        #expect(machine.ownerships[1]?.manager == "n")
        #expect(start("e", in: &machine) == .refuse)
        #expect(start("e", epoch: 6, by: "n", in: &machine) == .start(evicting: []))
    }

    /// What was sent over a connection that has ended may come when there is another.
    @Test func managerIsNotFollowedOverAnEarlierConnection() {
        var machine = HostedEnvironments<Int, Int, Int, Int>(memoryBudget: 100, leash: 10)
        _ = machine.owned(1, since: 5, by: 2, at: 0, makeToken: { 0 })
        #expect(machine.owned(1, since: 5, by: 1, at: 0, makeToken: { 0 }) == .outdated(epoch: 5))
        machine.managerLost(2)
        #expect(machine.owned(1, since: 5, by: 1, at: 0, makeToken: { 0 }) == .outdated(epoch: 5))
        // Another owner is followed whichever connection was first.
        #expect(machine.owned(1, since: 6, by: 1, at: 0, makeToken: { 0 }) == .report([]))
    }

    @Test func managerThatConnectsAgainKeepsItsPartition() {
        var machine = machine()
        #expect(machine.owned(1, since: 5, by: "m again", at: 0, makeToken: { 0 }) == .report([]))
        // The end of the connection before is noticed only now.
        machine.managerLost("m")
        #expect(machine.ownerships[1]?.manager == "m again")
    }

    @Test func onlyTheOwnerStartsEnvironments() {
        var machine = machine()
        #expect(start("e", epoch: 4, in: &machine) == .refuse)
        #expect(start("e", epoch: 6, in: &machine) == .refuse)
        #expect(start("e", by: "n", in: &machine) == .refuse)
        machine.disowned(1, since: 4, by: "m")
        #expect(start("e", in: &machine) == .start(evicting: []))
        #expect(start("e", in: &machine) == .refuse)
        machine.disowned(1, since: 5, by: "m")
        #expect(start("f", in: &machine) == .refuse)
    }

    // MARK: Tokens

    @Test func tokenIsGoodOnce() {
        var machine = machineWithIdleEnvironment()
        #expect(machine.runRequested("a", in: "e", showing: 8, at: 1) == .refuse(.void))
        #expect(machine.runRequested("a", in: "e", showing: 7, at: 1) == .run(next: nil))
        #expect(machine.runRequested("b", in: "e", showing: 7, at: 1) == .refuse(.void))
        #expect(machine.becameIdle("e", with: 9, at: 2) == .tell(9, followers: 0))
        #expect(machine.runRequested("b", in: "e", showing: 7, at: 2) == .refuse(.void))
        #expect(machine.runRequested("b", in: "e", showing: 9, at: 2) == .run(next: nil))
    }

    @Test func takeoverMakesTokensVoid() {
        var machine = machineWithIdleEnvironment()
        #expect(machine.owned(1, since: 6, by: "n", at: 1, makeToken: { 8 }) == .report(["e"]))
        #expect(machine.runRequested("a", in: "e", showing: 7, at: 1) == .refuse(.void))
        #expect(machine.runRequested("a", in: "e", showing: 8, at: 1) == .run(next: nil))
    }

    @Test func tokenThatIsWantedVoidIsReplacedUnlessItWasUsed() {
        var machine = machineWithIdleEnvironment()
        #expect(machine.voidRequested("e", by: "n", makeToken: { 8 }) == .none)
        #expect(machine.voidRequested("e", by: "m", makeToken: { 8 }) == .idle(8, followers: 0))
        #expect(machine.runRequested("a", in: "e", showing: 7, at: 1) == .refuse(.void))
        #expect(machine.runRequested("a", in: "e", showing: 8, at: 1) == .run(next: nil))
        #expect(machine.voidRequested("e", by: "m", makeToken: { 9 }) == .running)
        machine.ended("e")
        #expect(machine.voidRequested("e", by: "m", makeToken: { 9 }) == .none)
        machine.removed("e")
        #expect(machine.voidRequested("e", by: "m", makeToken: { 9 }) == .gone)
    }

    @Test func environmentThatEndsTakesNothing() {
        var machine = machineWithIdleEnvironment()
        machine.ended("e")
        #expect(machine.runRequested("a", in: "e", showing: 7, at: 1) == .refuse(.gone))
        #expect(machine.becameIdle("e", with: 8, at: 1) == .end)
        machine.removed("e")
        #expect(machine.runRequested("a", in: "e", showing: 7, at: 1) == .refuse(.gone))
        #expect(machine.becameIdle("e", with: 8, at: 1) == .end)
        // Late news of what is gone changes nothing.
        machine.ended("e")
        #expect(machine.entries.isEmpty && machine.memoryFree == 100)
    }

    // MARK: What is proven

    @Test func nothingBeginsWithoutProof() {
        var machine = machineWithIdleEnvironment()
        #expect(machine.runRequested("a", in: "e", showing: 7, at: Self.leash) == .refuse(.unproven))
        machine.heartbeatAnswered(by: "m", sentAt: 5)
        #expect(machine.runRequested("a", in: "e", showing: 7, at: Self.leash) == .run(next: nil))
    }

    @Test func proofCountsFromWhenTheHeartbeatWasSentAndNeverBack() {
        var machine = machine()
        machine.heartbeatAnswered(by: "m", sentAt: 8)
        machine.heartbeatAnswered(by: "m", sentAt: 3)
        #expect(machine.ownerships[1]?.provenUntil == 8 + Self.leash)
        machine.heartbeatAnswered(by: "n", sentAt: 100)
        #expect(machine.ownerships[1]?.provenUntil == 8 + Self.leash)
    }

    @Test func whatWorksWithoutProofIsToEndAndWhatIsIdleStays() {
        var machine = machineWithIdleEnvironment()
        _ = start("busy", in: &machine)
        _ = machine.becameIdle("busy", with: 1, at: 0)
        _ = machine.runRequested("a", in: "busy", showing: 1, at: 0)
        _ = start("starting", in: &machine)
        _ = start("leaving", in: &machine)
        machine.ended("leaving")
        #expect(machine.unproven(at: Self.leash - 1) == [])
        #expect(Set(machine.unproven(at: Self.leash)) == ["busy", "starting"])
    }

    @Test func newOwnerMustProveItselfAndWhatWasProvenGoesOn() {
        var machine = machineWithIdleEnvironment()
        _ = machine.runRequested("a", in: "e", showing: 7, at: 1)
        _ = machine.owned(1, since: 6, by: "n", at: 5, makeToken: { 8 })
        #expect(machine.unproven(at: 9) == [])
        #expect(machine.unproven(at: 10) == ["e"])
        // A partition that nobody had before is not proven by being owned.
        var fresh = Machine(memoryBudget: 100, leash: Self.leash)
        _ = fresh.owned(1, since: 1, by: "m", at: 5, makeToken: { 0 })
        _ = fresh.startRequested("e", in: 1, since: 1, memory: 1, isProvisioned: false, by: "m")
        _ = fresh.becameIdle("e", with: 7, at: 5)
        #expect(fresh.runRequested("a", in: "e", showing: 7, at: 5) == .refuse(.unproven))
    }

    @Test func lostConnectionTakesNoProofAway() {
        var machine = machineWithIdleEnvironment()
        machine.managerLost("m")
        machine.heartbeatAnswered(by: "m", sentAt: 5)
        #expect(machine.runRequested("a", in: "e", showing: 7, at: Self.leash - 1) == .run(next: nil))
        #expect(machine.unproven(at: Self.leash) == ["e"])
    }

    // MARK: Room

    @Test func whatIsIdleLongestMakesRoom() {
        var machine = machine(budget: 30)
        for (number, name) in ["a", "b", "c"].enumerated() {
            _ = start(name, in: &machine)
            _ = machine.becameIdle(name, with: number, at: 10 - number)
        }
        #expect(start("d", memory: 15, in: &machine) == .start(evicting: ["c", "b"]))
        #expect(machine.memoryFree == 5)
        #expect(machine.runRequested("x", in: "c", showing: 2, at: 1) == .refuse(.gone))
    }

    @Test func whatIsProvisionedOrWorksMakesNoRoom() {
        var machine = machine(budget: 20)
        _ = start("a", isProvisioned: true, in: &machine)
        _ = machine.becameIdle("a", with: 1, at: 0)
        _ = start("b", in: &machine)
        #expect(start("c", in: &machine) == .noRoom)
        #expect(machine.memoryFree == 0)
        #expect(machine.runRequested("x", in: "a", showing: 1, at: 1) == .run(next: nil))
        machine.ended("b")
        #expect(start("c", in: &machine) == .start(evicting: []))
    }

    @Test func closedWorkerMakesNoEnvironments() {
        var machine = machineWithIdleEnvironment()
        machine.isClosed = true
        #expect(start("f", in: &machine) == .noRoom)
        #expect(machine.runRequested("a", in: "e", showing: 7, at: 1) == .run(next: nil))
    }
}
