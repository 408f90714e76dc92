import FirecrackerAPI
import FirecrackerTestSupport
import Foundation
import Synchronization
import Testing

@testable import VirtualMachine

/// The driver, request by request, against a program that checks each as Firecracker does. What it drives is no machine; real ones
/// are in ``RealFirecrackerTests``.
@Suite(.enabled(if: geteuid() == 0, "needs root, which makes directories that are mounted nowhere"))
struct FirecrackerMachineTests {
    private static let bootRequests = [
        "204 PUT /machine-config", "204 PUT /boot-source", "204 PUT /vsock", "204 PUT /actions",
    ]

    private static func drive(_ content: String, isReadOnly: Bool = true) -> MachineDrive {
        MachineDrive(descriptor: MachineFixture.file(Array(content.utf8)), isReadOnly: isReadOnly)
    }

    /// A snapshot of a machine with these drives.
    private static func snapshot(_ standIn: StandIn, _ specification: MachineSpecification) async throws
        -> MachineSnapshot
    {
        let housing = StandInHousing()
        let snapshot = try await standIn.engine.boot(specification, in: housing).snapshot()
        #expect(housing.violations == [])
        return snapshot
    }

    private static func error(_ body: () async throws -> Void) async -> VirtualMachineError? {
        do {
            try await body()
            return nil
        } catch {
            return error as? VirtualMachineError
        }
    }

    // MARK: Lives

    @Test func aMachineBootsAnswersAndGoes() async throws {
        let standIn = try StandIn()
        let housing = StandInHousing(guest: .listensLate)
        let machine = try await standIn.engine.boot(standIn.specification(), in: housing)
        #expect(housing.asked == Self.bootRequests)
        do {
            let client = try EchoClient(try await machine.takeChannel())
            #expect(try await machine.takeChannel() == nil)
            // The guest spoke before anybody asked it, and nothing of that is lost.
            #expect(client.hear() == Script.greeting)
            #expect(client.say("question\n") && client.hear() == "question\n")
            await machine.destroy()
            await machine.destroy()
            #expect(client.hear() == "")
        }
        #expect(housing.hasEnded)
        #expect(await Self.error { try await machine.pause() }?.code == .gone)
        #expect(await Self.error { _ = try await machine.snapshot() }?.code == .gone)
        #expect(housing.violations == [])
    }

    @Test func drivesAreReadableOrWritableAsTheyAreMeant() async throws {
        let standIn = try StandIn()
        let housing = StandInHousing()
        let specification = standIn.specification(drives: [Self.drive("root"), Self.drive("tmp", isReadOnly: false)])
        let machine = try await standIn.engine.boot(specification, in: housing)
        let drives = housing.lines.filter { $0.contains("/drives/") }
        #expect(drives.count == 2)
        #expect(drives[0].contains(#""is_read_only":true,"is_root_device":false,"path_on_host":"/proc/self/fd/7""#))
        #expect(drives[1].contains(#""is_read_only":false,"is_root_device":false,"path_on_host":"/proc/self/fd/8""#))
        await machine.destroy()
    }

    @Test func onlyChangesAreAsked() async throws {
        let standIn = try StandIn()
        let housing = StandInHousing()
        let machine = try await standIn.engine.boot(standIn.specification(), in: housing)
        try await machine.resume()
        try await machine.pause()
        try await machine.pause()
        try await machine.resume()
        #expect(
            housing.lines.suffix(2) == [#"204 PATCH /vm {"state":"Paused"}"#, #"204 PATCH /vm {"state":"Resumed"}"#]
        )
        #expect(housing.asked.count == Self.bootRequests.count + 2)
        await machine.destroy()
    }

    @Test func copiesOfASnapshotGoOnWhereItWasTaken() async throws {
        let standIn = try StandIn()
        let specification = standIn.specification(drives: [Self.drive("root")])
        let snapshot = try await Self.snapshot(standIn, specification)
        for _ in 0..<3 {
            let housing = StandInHousing()
            let copy = try await standIn.engine.restore(snapshot, as: specification, in: housing)
            #expect(housing.asked == ["204 PUT /snapshot/load"])
            #expect(await Self.error { _ = try await copy.takeChannel() }?.code == .refused)
            try await copy.resume()
            do {
                let client = try EchoClient(try await copy.takeChannel())
                #expect(client.hear() == Script.greeting)
            }
            await copy.destroy()
            #expect(housing.violations == [])
        }
        #expect(try standIn.leftovers() == [])
    }

    @Test func whatASnapshotIsMadeOfCannotBeAltered() async throws {
        let standIn = try StandIn()
        let snapshot = try await Self.snapshot(standIn, standIn.specification())
        for file in [snapshot.memory.descriptor, snapshot.state.descriptor] {
            var byte: UInt8 = 1
            #expect(pwrite(file, &byte, 1, 0) == -1 && errno == EPERM)
            #expect(ftruncate(file, 0) == -1 && errno == EPERM)
        }
        // Two pages were used of 4 MiB.
        #expect(snapshot.memory.bytesUsed() == 8192)
    }

    @Test func aSnapshotEndsItsMachine() async throws {
        let standIn = try StandIn()
        let housing = StandInHousing()
        let machine = try await standIn.engine.boot(standIn.specification(), in: housing)
        let client = try EchoClient(try await machine.takeChannel())
        #expect(client.hear() == Script.greeting)
        _ = try await machine.snapshot()
        #expect(housing.asked.suffix(2) == ["204 PATCH /vm", "204 PUT /snapshot/create"])
        #expect(client.hear() == "")
        #expect(housing.hasEnded)
        #expect(await Self.error { try await machine.resume() }?.code == .gone)
    }

    @Test func aCopyCanBeKeptInItsTurn() async throws {
        let standIn = try StandIn()
        let specification = standIn.specification(drives: [Self.drive("root")])
        let first = try await Self.snapshot(standIn, specification)
        let copy = try await standIn.engine.restore(first, as: specification, in: StandInHousing())
        try await copy.resume()
        let second = try await copy.snapshot()
        let again = try await standIn.engine.restore(second, as: specification, in: StandInHousing())
        await again.destroy()
    }

    @Test func aSnapshotOfAnotherMachineIsRefused() async throws {
        let standIn = try StandIn()
        let snapshot = try await Self.snapshot(standIn, standIn.specification())
        for other in [standIn.specification(memoryMiB: 8), standIn.specification(drives: [Self.drive("root")])] {
            let housing = StandInHousing()
            let error = await Self.error { _ = try await standIn.engine.restore(snapshot, as: other, in: housing) }
            #expect(error?.code == .incompatible)
            #expect(housing.asked == [])
        }
    }

    @Test func aSnapshotThatWasDamagedMakesNoMachine() async throws {
        let standIn = try StandIn()
        let snapshot = try await Self.snapshot(standIn, standIn.specification())
        let damaged = MachineSnapshot(
            memory: snapshot.memory,
            state: try MachineMemory(sizeMiB: 0),
            key: snapshot.key
        )
        let housing = StandInHousing()
        let error = await Self.error {
            _ = try await standIn.engine.restore(damaged, as: standIn.specification(), in: housing)
        }
        #expect(error?.code == .incompatible)
        #expect(error?.message == "Firecracker refused PUT /snapshot/load: the state is damaged")
        #expect(housing.hasEnded)
    }

    @Test func aKernelOfAnotherKindIsNamed() async throws {
        let standIn = try StandIn(kernel: Array("MZ bzImage".utf8))
        let housing = StandInHousing()
        let error = await Self.error { _ = try await standIn.engine.boot(standIn.specification(), in: housing) }
        #expect(error?.code == .unsupported)
        #expect(error?.message.contains("make kernel") == true)
    }

    // MARK: Drives

    /// A file with a name on the engine's disk is linked, another is copied; nothing is left of either.
    @Test(arguments: [true, false])
    func aDriveGetsAnotherFile(isNamed: Bool) async throws {
        let standIn = try StandIn()
        let housing = StandInHousing()
        let machine = try await standIn.engine.boot(
            standIn.specification(drives: [Self.drive("root"), Self.drive("tmp", isReadOnly: false)]),
            in: housing
        )
        let file = isNamed ? try standIn.file("code", "code") : MachineFixture.file(Array("code".utf8))
        defer { close(file) }
        try await machine.replaceDrive(0, with: file)
        try await machine.replaceDrive(1, with: file)
        try await machine.replaceDrive(0, with: file)
        #expect(
            housing.lines.suffix(3) == [
                #"204 PATCH /drives/drive0 {"drive_id":"drive0","path_on_host":"/proc/self/fd/4/drive0-1"}"#,
                #"204 PATCH /drives/drive1 {"drive_id":"drive1","path_on_host":"/proc/self/fd/4/drive1-1"}"#,
                #"204 PATCH /drives/drive0 {"drive_id":"drive0","path_on_host":"/proc/self/fd/4/drive0-2"}"#,
            ]
        )
        var status = stat()
        #expect(fstat(file, &status) == 0 && status.st_nlink == (isNamed ? 1 : 0))
        await machine.destroy()
    }

    /// The process runs as nobody in particular.
    @Test func aFileThatNotEverybodyMayReadIsNamed() async throws {
        let standIn = try StandIn()
        let file = try standIn.file("secret", "secret")
        defer { close(file) }
        fchmod(file, 0o600)
        let specification = standIn.specification(drives: [MachineDrive(descriptor: file, isReadOnly: true)])
        let error = await Self.error { _ = try await standIn.engine.boot(specification, in: StandInHousing()) }
        #expect(error?.message == "failed to let Firecracker open the file of a drive: let everybody read it")
    }

    /// The paths that Firecracker keeps must lead somewhere in a copy.
    @Test func aMachineWhoseDrivesWereReplacedCanBeKept() async throws {
        let standIn = try StandIn()
        let specification = standIn.specification(drives: [Self.drive("root"), Self.drive("empty")])
        let housing = StandInHousing()
        let machine = try await standIn.engine.boot(specification, in: housing)
        try await machine.replaceDrive(1, with: specification.drives[0].descriptor)
        let snapshot = try await machine.snapshot()
        #expect(
            housing.asked.suffix(3) == ["204 PATCH /vm", "204 PATCH /drives/drive1", "204 PUT /snapshot/create"]
        )
        let copy = try await standIn.engine.restore(snapshot, as: specification, in: StandInHousing())
        await copy.destroy()
    }

    // MARK: Faults

    @Test(arguments: ["PUT /machine-config", "PUT /boot-source", "PUT /drives/drive0", "PUT /vsock", "PUT /actions"])
    func aRefusalAtTheStartIsToldAndEndsTheProcess(request: String) async throws {
        let standIn = try StandIn()
        let housing = StandInHousing(faults: [request: .refuse])
        let error = await Self.error {
            _ = try await standIn.engine.boot(standIn.specification(drives: [Self.drive("root")]), in: housing)
        }
        #expect(error?.code == .refused)
        #expect(error?.message == "Firecracker refused \(request): \(Script.refusal)")
        #expect(housing.hasEnded && housing.asked.last == "refuse \(request)")
        #expect(try standIn.leftovers() == [])
    }

    @Test(arguments: [
        (Script.Fault.exit, VirtualMachineError.Code.gone), (.silence, .timedOut), (.garbage, .refused),
        (.flood, .refused),
        (.accept, .refused),
    ])
    func aProcessThatDoesNotAnswerAtTheStartIsEnded(fault: Script.Fault, code: VirtualMachineError.Code) async throws {
        let standIn = try StandIn(patience: MachinePatience(answer: fault == .silence ? .seconds(1) : .seconds(10)))
        for request in ["PUT /machine-config", "PUT /actions"] {
            let housing = StandInHousing(faults: [request: fault])
            let error = await Self.error { _ = try await standIn.engine.boot(standIn.specification(), in: housing) }
            #expect(error?.code == code)
            #expect(housing.hasEnded && housing.asked.last == "\(fault.rawValue) \(request)")
        }
    }

    @Test(arguments: [
        (Script.Fault.refuse, VirtualMachineError.Code.refused), (.exit, .gone), (.silence, .timedOut),
        (.garbage, .refused),
    ])
    func aFaultInTheMiddleIsToldAndTheMachineCanBeDestroyed(
        fault: Script.Fault,
        code: VirtualMachineError.Code
    ) async throws {
        let standIn = try StandIn(patience: MachinePatience(answer: fault == .silence ? .seconds(1) : .seconds(10)))
        let specification = standIn.specification(drives: [Self.drive("root")])
        typealias Step = @Sendable (any VirtualMachine) async throws -> Void
        let steps: [(String, Step)] = [
            ("PATCH /vm", { try await $0.pause() }),
            ("PATCH /drives/drive0", { try await $0.replaceDrive(0, with: specification.drives[0].descriptor) }),
            ("PUT /snapshot/create", { _ = try await $0.snapshot() }),
        ]
        for (request, step) in steps {
            let housing = StandInHousing(faults: [request: fault])
            let machine = try await standIn.engine.boot(specification, in: housing)
            let error = await Self.error { try await step(machine) }
            #expect(error?.code == code, "\(request)")
            await machine.destroy()
            #expect(housing.hasEnded)
            #expect(housing.violations == [])
        }
        #expect(try standIn.leftovers() == [])
    }

    @Test(arguments: [Script.Start.exit, .noSocket, .link])
    func aProcessThatDoesNotStartIsNotWaitedForLonger(start: Script.Start) async throws {
        let standIn = try StandIn(patience: MachinePatience(start: start == .exit ? .seconds(20) : .seconds(1)))
        let housing = StandInHousing(start: start)
        let error = await Self.error { _ = try await standIn.engine.boot(standIn.specification(), in: housing) }
        #expect(error?.code == (start == .exit ? .startFailed : .timedOut))
        #expect(housing.hasEnded)
    }

    @Test(arguments: [Script.Guest.refuses, .silent, .babbles])
    func aGuestThatDoesNotAnswerIsGivenUp(guest: Script.Guest) async throws {
        let standIn = try StandIn(patience: MachinePatience(start: .seconds(3)))
        let housing = StandInHousing(guest: guest)
        let machine = try await standIn.engine.boot(standIn.specification(), in: housing)
        #expect(await Self.error { _ = try await machine.takeChannel() }?.code == .timedOut)
        await machine.destroy()
        #expect(housing.hasEnded)
    }

    @Test func whoWaitsForAGuestIsToldOfItsEnd() async throws {
        let standIn = try StandIn(patience: MachinePatience(start: .seconds(60)))
        let machine = try await standIn.engine.boot(standIn.specification(), in: StandInHousing(guest: .refuses))
        async let error = Self.error { _ = try await machine.takeChannel() }
        await machine.destroy()
        #expect(await error?.code == .gone)
    }
}
