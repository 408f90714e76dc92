import Foundation
import GuestProtocol
import Testing

@testable import VirtualMachine

/// Real QEMU, a real kernel, the real agent.
@Suite(
    "Real machines",
    .serialized,
    .enabled(
        if: RealMachineNeeds.areMet,
        "needs QEMU (scripts/bootstrap test) and a kernel (make kernel, or swiftlet image build-kernel --data .guest)"
    )
)
enum RealMachines {}

extension RealMachines {
    @Suite struct LifeTests {
        private static let identity = GuestIdentity(
            entropy: Array(repeating: 7, count: 64),
            unixNanoseconds: 1_900_000_000_000_000_000,
            hostName: "sandbox"
        )

        @Test(.enabled(if: RealMachineNeeds.debianFiles != nil, "needs swiftlet image build-kernel --data .guest"))
        func debiansKernelBootsTheAgentToo() async throws {
            let fixture = try MachineFixture(RealMachineNeeds.debianFiles)
            let tree = try TestTree()
            let machine = try await fixture.engine.boot(fixture.specification(drives: [tree.drive]), in: BareHousing())
            let client = AgentClient(try #require(try await machine.takeChannel()))
            try client.greet()
            #expect(try client.ask(.mount(GuestMount(drive: 0, fileSystem: .image, target: "/"))) == nil)
            #expect(try client.run("/bin/sh", ["-c", "echo hello"]).output == "hello\n")
            await machine.destroy()
        }

        @Test func aMachineBootsAnswersAndGoes() async throws {
            let fixture = try MachineFixture()
            let machine = try await fixture.engine.boot(fixture.specification(), in: BareHousing())
            let client = AgentClient(try #require(try await machine.takeChannel()))
            #expect(try await machine.takeChannel() == nil)
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

        /// Not without what it was made for.
        @Test func aMachineWithATapDeviceWantsAHousingThatHasOne() async throws {
            let fixture = try MachineFixture()
            var specification = fixture.specification()
            specification.network = .tap
            let failure = await #expect(throws: VirtualMachineError.self) {
                _ = try await fixture.engine.boot(specification, in: BareHousing())
            }
            #expect(failure?.code == .startFailed)
        }

        @Test func copiesOfASnapshotGoOnWhereItWasTaken() async throws {
            let fixture = try MachineFixture()
            let specification = fixture.specification()
            let template = try await fixture.engine.boot(specification, in: BareHousing())
            let client = AgentClient(try #require(try await template.takeChannel()))
            try client.greet()
            let snapshot = try await template.snapshot()
            await #expect(throws: VirtualMachineError.self) { try await template.resume() }

            for _ in 0..<3 {
                let copy = try await fixture.engine.restore(
                    snapshot,
                    as: specification,
                    in: BareHousing()
                )
                try await copy.resume()
                // The conversation goes on, too.
                let copied = AgentClient(try #require(try await copy.takeChannel()), session: client.session)
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
                try await fixture.engine.restore(
                    snapshot,
                    as: fixture.specification(memoryMiB: 256),
                    in: BareHousing()
                )
            }
        }

        /// Whatever was read of the first file, a file system that is mounted afterwards is the second's.
        @Test func aDriveGetsAnotherFileInARunningCopy() async throws {
            let fixture = try MachineFixture()
            let tree = try TestTree()
            let empty = MachineFixture.file([], sizeBytes: 1 << 20)
            let code = try TestTree.image(["handler.py": "print('code')"], sizeBytes: 1 << 20)
            defer {
                close(empty)
                close(code)
            }
            let specification = fixture.specification(drives: [
                tree.drive, MachineDrive(descriptor: empty, isReadOnly: true),
            ])
            let template = try await fixture.engine.boot(specification, in: BareHousing())
            let client = AgentClient(try #require(try await template.takeChannel()))
            try client.greet()
            #expect(try client.ask(.mount(GuestMount(drive: 0, fileSystem: .image, target: "/"))) == nil)
            let snapshot = try await template.snapshot()
            let copy = try await fixture.engine.restore(
                snapshot,
                as: specification,
                in: BareHousing()
            )
            try await copy.replaceDrive(1, with: code)
            try await copy.resume()
            let copied = AgentClient(try #require(try await copy.takeChannel()), session: client.session)
            #expect(try copied.ask(.mount(GuestMount(drive: 1, fileSystem: .image, target: "/var/task"))) == nil)
            #expect(try copied.run("/bin/cat", ["/var/task/handler.py"]).output == "print('code')")
            await copy.destroy()
        }

        @Test func copiesWithIdentitiesShareNoRandomness() async throws {
            let fixture = try MachineFixture()
            let tree = try TestTree()
            let specification = fixture.specification(drives: [tree.drive])
            let template = try await fixture.engine.boot(specification, in: BareHousing())
            let client = AgentClient(try #require(try await template.takeChannel()))
            try client.greet()
            #expect(try client.ask(.mount(GuestMount(drive: 0, fileSystem: .image, target: "/"))) == nil)
            let snapshot = try await template.snapshot()

            var random: [String] = []
            for copyNumber in 0..<4 {
                let copy = try await fixture.engine.restore(
                    snapshot,
                    as: specification,
                    in: BareHousing()
                )
                try await copy.resume()
                let copied = AgentClient(try #require(try await copy.takeChannel()), session: client.session)
                // The last two have none, which shows what an identity is for.
                if copyNumber < 2 {
                    var identity = Self.identity
                    identity.entropy[0] = UInt8(copyNumber)
                    identity.hostName = "copy\(copyNumber)"
                    #expect(try copied.ask(.identify(identity)) == nil)
                    let told = try copied.run("/bin/sh", ["-c", "cat /proc/sys/kernel/hostname; date +%Y"])
                    #expect(told.output == "copy\(copyNumber)\n2030\n")
                }
                random.append(try copied.run("/bin/sh", ["-c", "head -c 16 /dev/urandom | od -An -tx1"]).output)
                await copy.destroy()
            }
            #expect(random.allSatisfy { $0.count > 40 })
            #expect(random[0] != random[1])
        }

        private static func cut(_ snapshot: MachineSnapshot, toBytes bytes: Int) throws -> MachineSnapshot {
            let state = try MachineMemory(sizeMiB: 0)
            var content = [UInt8](repeating: 0, count: bytes)
            #expect(pread(snapshot.state.descriptor, &content, bytes, 0) == bytes)
            #expect(write(state.descriptor, content, bytes) == bytes)
            return MachineSnapshot(memory: snapshot.memory, state: state, key: snapshot.key)
        }

        @Test(arguments: [0, 100, 1000])
        func aSnapshotThatWasCutShortMakesNoMachine(bytes: Int) async throws {
            let fixture = try MachineFixture()
            let template = try await fixture.engine.boot(fixture.specification(), in: BareHousing())
            let snapshot = try await template.snapshot()
            let cut = try Self.cut(snapshot, toBytes: bytes)
            await #expect(throws: VirtualMachineError.self) {
                try await fixture.engine.restore(cut, as: fixture.specification(), in: BareHousing())
            }
        }
    }
}
