import Foundation
import GuestImages
import GuestProtocol
import Testing
import VirtualMachine

/// Real QEMU, a real kernel, the real agent.
@Suite(
    .serialized,
    .enabled(if: RealMachineNeeds.areMet, "needs QEMU (scripts/bootstrap test) and a kernel (make kernel)")
)
struct RealMachineTests {
    private static let identity = GuestIdentity(
        entropy: Array(repeating: 7, count: 64),
        unixNanoseconds: 1_900_000_000_000_000_000,
        hostName: "sandbox"
    )

    @Test func aMachineBootsAnswersAndGoes() async throws {
        let fixture = try MachineFixture()
        let machine = try await fixture.engine.boot(fixture.specification(), in: BareHousing())
        let client = AgentClient(try #require(machine.takeChannel()))
        #expect(machine.takeChannel() == nil)
        try client.greet()
        #expect(try client.ask(.identify(Self.identity)) == nil)
        #expect(try client.ask(.limit(memoryBytes: 64 << 20, processes: 100)) == nil)
        let failure = try client.ask(.mount(GuestMount(drive: 7, fileSystem: .image, target: "/")))
        #expect(failure?.errno == ENOENT)
        await machine.destroy()
        await machine.destroy()
        #expect(throws: AgentClient.Silence.self) { try client.ask(.killAll) }
        await #expect(throws: VirtualMachineError.self) { try await machine.pause() }
    }

    @Test func copiesOfASnapshotGoOnWhereItWasTaken() async throws {
        let fixture = try MachineFixture()
        let specification = fixture.specification()
        let template = try await fixture.engine.boot(specification, in: BareHousing())
        let client = AgentClient(try #require(template.takeChannel()))
        try client.greet()
        let snapshot = try await template.snapshot()
        await #expect(throws: VirtualMachineError.self) { try await template.resume() }

        for _ in 0..<3 {
            let copy = try await fixture.engine.restore(snapshot, as: specification, in: BareHousing())
            try await copy.resume()
            // The conversation goes on, too.
            let copied = AgentClient(try #require(copy.takeChannel()), session: client.session)
            #expect(try copied.ask(.identify(Self.identity)) == nil)
            try await copy.pause()
            try await copy.resume()
            #expect(try copied.ask(.killAll) == nil)
            await copy.destroy()
        }
    }

    @Test func aSnapshotOfAnotherMachineIsRefused() async throws {
        let fixture = try MachineFixture()
        let template = try await fixture.engine.boot(fixture.specification(), in: BareHousing())
        let snapshot = try await template.snapshot()
        await #expect(throws: VirtualMachineError.self) {
            try await fixture.engine.restore(snapshot, as: fixture.specification(memoryMiB: 256), in: BareHousing())
        }
    }
}
