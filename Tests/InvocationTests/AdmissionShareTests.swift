import Testing

@testable import Invocation

/// Admission where several managers admit invokes of one account.
struct AdmissionShareTests {
    private typealias Machine = Admission<String, Int, Int>

    private func machine(share: Int) -> Machine {
        var machine = Machine(.init(account: 100, requestsPerSecond: nil, isShared: true))
        #expect(machine.shareChanged(to: share).isEmpty)
        return machine
    }

    private func admits(_ function: String, in machine: inout Machine) -> Bool {
        switch machine.invokeArrived(function, 1, at: 0, waiter: 0) {
        case .admit: true
        case .refuse: false
        case .wait(let ticket): machine.waitedLongEnough(ticket, for: function) == nil
        }
    }

    @Test func placesOfInvokesThatGoToAnotherManagerGoWithThem() {
        var machine = machine(share: 2)
        #expect(admits("going", in: &machine))
        #expect(admits("staying", in: &machine))
        #expect(machine.forget { $0 == "going" }.running == 1)
        #expect(machine.commonUse == .init(share: 1, inUse: 1, waiting: 0))
        #expect(!admits("staying", in: &machine))
    }

    @Test func placesThatComeWithInvokesAreTakenUntilItIsKnownWhichRun() {
        var machine = machine(share: 0)
        machine.expect(2)
        #expect(machine.shareChanged(to: 3).isEmpty)
        #expect(admits("own", in: &machine))
        #expect(!admits("own", in: &machine))

        machine.invokeAdopted("come", 1)
        guard case .wait = machine.invokeArrived("own", 1, at: 0, waiter: 7) else {
            Issue.record("the invoke did not wait")
            return
        }
        #expect(machine.found(2) == [7])
        #expect(admits("own", in: &machine))
        #expect(!admits("own", in: &machine))
        #expect(machine.commonUse == .init(share: 3, inUse: 3, waiting: 0))
    }

    @Test func placesOfInvokesThatNobodyHasToldOfGoOnToTheNextManager() {
        var machine = machine(share: 1)
        machine.expect(2)
        _ = machine.shareChanged(to: 3)
        machine.invokeAdopted("come", 1)
        #expect(machine.forget(expecting: 2) { $0 == "come" }.running == 2)
        #expect(machine.commonUse == .init(share: 1, inUse: 0, waiting: 0))
    }
}
