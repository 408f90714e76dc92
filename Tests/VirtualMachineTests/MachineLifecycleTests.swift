import TestSupport
import Testing

@testable import VirtualMachine

@Suite struct MachineLifecycleTests {
    @Test func onlyChangesAreTold() {
        var machine = MachineLifecycle(.running)
        #expect(machine.resumeRequested() == .none)
        #expect(machine.pauseRequested() == .tell)
        #expect(machine.pauseRequested() == .none)
        #expect(machine.resumeRequested() == .tell)
    }

    @Test func nothingIsDoneWhileTheStateIsKept() {
        var machine = MachineLifecycle(.paused)
        #expect(machine.snapshotRequested() == .tell)
        #expect(machine.snapshotRequested() == .refuse(.refused))
        #expect(machine.resumeRequested() == .refuse(.refused))
        #expect(machine.driveReplacementRequested() == .refuse(.refused))
    }

    @Test func theEndIsForGood() {
        for state in [MachineLifecycle.State.running, .paused, .saving, .ended] {
            var machine = MachineLifecycle(state)
            machine.ended()
            #expect(machine.pauseRequested() == .refuse(.gone))
            #expect(machine.resumeRequested() == .refuse(.gone))
            #expect(machine.snapshotRequested() == .refuse(.gone))
            #expect(machine.driveReplacementRequested() == .refuse(.gone))
        }
    }

    /// What the process was told last is what the machine takes itself for.
    @Test(arguments: UInt64(1)...10)
    func theProcessIsAsTheMachineSays(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var machine = MachineLifecycle(.running)
        var process = MachineLifecycle.State.running
        for _ in 0..<200 {
            switch Int.random(in: 0..<40, using: &random) {
            case 0..<19: if machine.pauseRequested() == .tell { process = .paused }
            case 19..<38: if machine.resumeRequested() == .tell { process = .running }
            case 38: if machine.snapshotRequested() == .tell { process = .saving }
            default:
                machine.ended()
                process = .ended
            }
            #expect(machine.state == process, "seed \(seed)")
        }
    }
}
