import Foundation
import GuestProtocol
import NIOPosix
import TestSupport
import Testing

@testable import VirtualMachine

/// What machines of Firecracker's need of this host.
enum RealFirecrackerNeeds {
    static let firecracker = EngineSearch().program("firecracker")
    /// Only the kernel that `make kernel` builds is of a kind that Firecracker boots.
    static var hasKernel: Bool { RealMachineNeeds.ownFiles != nil }
    /// Whether a trial has shown that KVM runs guests here.
    static let isKVMUsable = Task {
        await EngineSearch().findings().contains { $0.engine == .firecracker && $0.isUsable }
    }

    static func areMet() async -> Bool {
        // QEMU runs the trial.
        guard geteuid() == 0, firecracker != nil, RealMachineNeeds.qemu != nil, hasKernel else { return false }
        return await isKVMUsable.value
    }
}

/// Real Firecracker, a real kernel, the real agent.
@Suite(
    "Real Firecracker",
    .serialized,
    .enabled(
        "needs root, QEMU, firecracker in PATH, a /dev/kvm that runs guests (swiftlet doctor) and a kernel (make kernel)",
        { await RealFirecrackerNeeds.areMet() }
    )
)
struct RealFirecrackerTests {
    private static let identity = GuestIdentity(
        entropy: Array(repeating: 7, count: 64),
        unixNanoseconds: 1_900_000_000_000_000_000,
        hostName: "sandbox"
    )

    private let directory: TemporaryDirectory
    private let engine: FirecrackerEngine
    private let fixture: MachineFixture

    init() async throws {
        directory = try TemporaryDirectory()
        let executable = try #require(RealFirecrackerNeeds.firecracker)
        engine = try FirecrackerEngine(
            FirecrackerProgram(executable: executable),
            version: await EngineSearch().firstLine(of: executable),
            directory: "\(directory.path)/machines",
            group: .singletonMultiThreadedEventLoopGroup
        )
        fixture = try MachineFixture(RealMachineNeeds.ownFiles)
    }

    private func greeted(_ machine: any VirtualMachine) async throws -> AgentClient {
        let client = AgentClient(try #require(try await machine.takeChannel()))
        try client.greet()
        return client
    }

    @Test func aMachineBootsAnswersAndGoes() async throws {
        let machine = try await engine.boot(fixture.specification(), in: BareHousing())
        let client = try await greeted(machine)
        #expect(try client.ask(.identify(Self.identity)) == nil)
        await machine.destroy()
        #expect(throws: AgentClient.Silence.self) { try client.ask(.killAll) }
        await #expect(throws: VirtualMachineError.self) { try await machine.pause() }
    }

    @Test func copiesOfASnapshotGoOnWhereItWasTaken() async throws {
        let specification = fixture.specification()
        let template = try await engine.boot(specification, in: BareHousing())
        let client = try await greeted(template)
        let snapshot = try await template.snapshot()
        #expect(snapshot.memory.bytesUsed() < specification.memoryMiB << 20)
        for _ in 0..<3 {
            let copy = try await engine.restore(snapshot, as: specification, in: BareHousing())
            try await copy.resume()
            let copied = AgentClient(try #require(try await copy.takeChannel()), session: client.session)
            #expect(try copied.ask(.identify(Self.identity)) == nil)
            try await copy.pause()
            try await copy.resume()
            #expect(try copied.ask(.killAll) == nil)
            await copy.destroy()
        }
    }

    @Test func aDriveGetsAnotherFileInACopy() async throws {
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
        let template = try await engine.boot(specification, in: BareHousing())
        let client = try await greeted(template)
        #expect(try client.ask(.mount(GuestMount(drive: 0, fileSystem: .image, target: "/"))) == nil)
        let snapshot = try await template.snapshot()
        let copy = try await engine.restore(snapshot, as: specification, in: BareHousing())
        try await copy.replaceDrive(1, with: code)
        try await copy.resume()
        let copied = AgentClient(try #require(try await copy.takeChannel()), session: client.session)
        #expect(try copied.ask(.mount(GuestMount(drive: 1, fileSystem: .image, target: "/var/task"))) == nil)
        #expect(try copied.run("/bin/cat", ["/var/task/handler.py"]).output == "print('code')")
        await copy.destroy()
    }

    @Test(arguments: [0, 100, 1000])
    func aSnapshotThatWasCutShortMakesNoMachine(bytes: Int) async throws {
        let template = try await engine.boot(fixture.specification(), in: BareHousing())
        _ = try await greeted(template)
        let snapshot = try await template.snapshot()
        let state = try MachineMemory(sizeMiB: 0)
        var content = [UInt8](repeating: 0, count: bytes)
        #expect(pread(snapshot.state.descriptor, &content, bytes, 0) == bytes)
        #expect(write(state.descriptor, content, bytes) == bytes)
        let cut = MachineSnapshot(memory: snapshot.memory, state: state, key: snapshot.key)
        await #expect(throws: VirtualMachineError.self) {
            try await engine.restore(cut, as: fixture.specification(), in: BareHousing())
        }
    }
}
