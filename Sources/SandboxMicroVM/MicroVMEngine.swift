import Glibc
import GuestImages
import GuestProtocol
package import Logging
package import NIOCore
package import Sandbox
import Synchronization
package import VirtualMachine

/// Makes sandboxes that are virtual machines: each a copy of a template, in a namespace sandbox that holds its process.
package final class MicroVMEngine: SandboxEngine {
    /// What a machine has beside what its function may use: its kernel, its agent, what they keep in mind.
    private static let guestOverheadMiB = 64
    /// What the process behind a machine has beside the machine's memory: translated code, mostly.
    private static let processOverheadMiB = 256
    private static let processThreadsMax = 32

    private let configuration: MicroVMConfiguration
    private let jailer: any SandboxEngine
    private let machines: any VirtualMachineEngine
    private let group: any EventLoopGroup
    private let logger: Logger
    private let files: GuestDriveFiles
    private let kernel: CInt
    private let initialFiles: CInt
    private let root: CInt
    private let templates: MachineTemplates
    private let living = Mutex<(isOpen: Bool, sandboxes: [SandboxID: MicroVMSandbox])>((true, [:]))

    /// - Parameters:
    ///   - jailer: Makes the sandboxes in which machines run. It must show ``MicroVMConfiguration/jailPaths``, and stays the
    ///     caller's to shut down, after this engine.
    ///   - group: Where links with guests are served.
    package init(
        _ configuration: MicroVMConfiguration,
        jailer: any SandboxEngine,
        machines: any VirtualMachineEngine,
        group: any EventLoopGroup,
        logger: Logger
    ) throws(SandboxError) {
        self.configuration = configuration
        self.jailer = jailer
        self.machines = machines
        self.group = group
        self.logger = logger
        files = try GuestDriveFiles(directory: configuration.stateDirectory)
        kernel = try Self.open(configuration.bootFiles.kernel.path)
        initialFiles = try Self.open(configuration.bootFiles.initialFiles.path)
        root = try Self.open(configuration.rootImage)
        let maker = TemplateMaker(
            jailer: jailer,
            machines: machines,
            group: group,
            patience: configuration.patience
        )
        let make = Self.machineMaker(configuration, kernel: kernel, initialFiles: initialFiles, root: root)
        templates = MachineTemplates { memoryMiB in
            let placeholder = try GuestDriveFiles.placeholder()
            defer { close(placeholder) }
            let machine = make(
                memoryMiB,
                [.scratch: placeholder, .task: placeholder, .layers: placeholder, .runtime: placeholder]
            )
            return try await maker.make(
                machine,
                jail: Self.jail(SandboxID("template-\(memoryMiB)"), machine, .unlimited)
            )
        }
    }

    deinit {
        close(kernel)
        close(initialFiles)
        close(root)
    }

    private static func open(_ path: String) throws(SandboxError) -> CInt {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw SandboxError(.engineFailed, "failed to open \(path)", errno: errno) }
        return file
    }

    private typealias MachineMaker = @Sendable (_ memoryMiB: Int, _ drives: [GuestDrive: CInt]) -> MachineSpecification

    private static func machineMaker(
        _ configuration: MicroVMConfiguration,
        kernel: CInt,
        initialFiles: CInt,
        root: CInt
    ) -> MachineMaker {
        { memoryMiB, drives in
            MachineSpecification(
                memoryMiB: memoryMiB,
                kernel: MachineFile(descriptor: kernel, contentID: configuration.bootFiles.kernel.id),
                initialFiles: MachineFile(descriptor: initialFiles, contentID: configuration.bootFiles.initialFiles.id),
                hasACPI: configuration.bootFiles.hasACPI,
                drives: GuestDrive.allCases.map { drive in
                    MachineDrive(descriptor: drives[drive] ?? root, isReadOnly: drive.isReadOnly)
                }
            )
        }
    }

    private static func jail(
        _ id: SandboxID,
        _ machine: MachineSpecification,
        _ cpuLimit: CPULimit
    ) -> SandboxSpecification {
        SandboxSpecification(
            id: id,
            memoryBytesMax: (machine.memoryMiB + processOverheadMiB) << 20,
            processesMax: processThreadsMax,
            cpuLimit: cpuLimit,
            temporaryStorageBytes: 1 << 20,
            mounts: [],
            hasTap: machine.network == .tap
        )
    }

    // MARK: Sandboxes

    package func createSandbox(_ specification: SandboxSpecification) async throws(SandboxError) -> any Sandbox {
        let memoryMiB = (specification.memoryBytesMax + (1 << 20) - 1) >> 20 + Self.guestOverheadMiB
        let template = try await templates.template(memoryMiB: memoryMiB)
        var drives: [GuestDrive: CInt] = [:]
        defer { for file in drives.values { close(file) } }
        for drive in GuestDrive.allCases where drive != .root { drives[drive] = try GuestDriveFiles.placeholder() }
        if !specification.isAdoptable {
            let files = GuestFiles(specification)
            for (drive, file) in try await open(files) {
                if let placeholder = drives.updateValue(file, forKey: drive) { close(placeholder) }
            }
        }
        let make = Self.machineMaker(configuration, kernel: kernel, initialFiles: initialFiles, root: root)
        var machine = make(memoryMiB, drives)
        if configuration.hasNetwork, specification.isAdoptable || specification.network == .internet {
            machine.network = .tap
        }
        let housing = SandboxHousing(
            jailer: jailer,
            // Limited only once it runs: a function of little CPU time is not to get a slow start.
            specification: Self.jail(specification.id, machine, .unlimited)
        )
        let sandbox = MicroVMSandbox(
            id: specification.id,
            housing: housing,
            isAdoptable: specification.isAdoptable,
            logger: logger,
            open: { [weak self] files throws(SandboxError) in
                guard let self else { throw SandboxError(.gone, "the engine has ended") }
                return try await self.open(files)
            },
            onEnd: { [weak self] id in self?.living.withLock { _ = $0.sandboxes.removeValue(forKey: id) } }
        )
        guard
            living.withLock({ living in
                if living.isOpen { living.sandboxes[specification.id] = sandbox }
                return living.isOpen
            })
        else { throw SandboxError(.gone, "the engine has been shut down") }
        do throws(SandboxError) {
            try await sandbox.start(
                template,
                as: machine,
                with: machines,
                on: group.next(),
                patience: configuration.patience
            )
            if !specification.isAdoptable { try await sandbox.attach(GuestFiles(specification)) }
            if specification.cpuLimit != .unlimited { try sandbox.setCPULimit(specification.cpuLimit) }
        } catch {
            await sandbox.destroy()
            throw error
        }
        return sandbox
    }

    /// Files for the drives of a function.
    private func open(_ files: GuestFiles) async throws(SandboxError) -> [GuestDrive: CInt] {
        try check(files.network)
        var opened: [GuestDrive: CInt] = [:]
        do throws(SandboxError) {
            opened[.scratch] = try await self.files.disk(bytes: files.temporaryStorageBytes)
            for mount in files.mounts {
                guard let drive = GuestDrive.drive(for: mount.target) else {
                    throw SandboxError(.unsupported, "a guest has no drive for \(mount.target)")
                }
                if let earlier = opened.updateValue(try await self.files.image(of: mount.source), forKey: drive) {
                    close(earlier)
                }
            }
            return opened
        } catch {
            for file in opened.values { close(file) }
            throw error
        }
    }

    private func check(_ network: SandboxNetwork) throws(SandboxError) {
        guard network == .isolated || configuration.hasNetwork else {
            throw SandboxError(.unsupported, "failed to connect a guest: the engine was started without a network")
        }
    }

    package func shutdown() async {
        let sandboxes = living.withLock { living in
            living.isOpen = false
            return Array(living.sandboxes.values)
        }
        for sandbox in sandboxes { await sandbox.destroy() }
    }
}

/// What a function brings, or is given.
struct GuestFiles: Sendable {
    let memoryBytesMax: Int
    let processesMax: Int
    let temporaryStorageBytes: Int
    let mounts: [ReadOnlyMount]
    let network: SandboxNetwork

    init(_ specification: SandboxSpecification) {
        memoryBytesMax = specification.memoryBytesMax
        processesMax = specification.processesMax
        temporaryStorageBytes = specification.temporaryStorageBytes
        mounts = specification.mounts
        network = specification.network
    }

    init(_ adoption: SandboxAdoption) {
        memoryBytesMax = adoption.memoryBytesMax
        processesMax = adoption.processesMax
        temporaryStorageBytes = adoption.temporaryStorageBytes
        mounts = adoption.mounts
        network = adoption.network
    }
}

/// Boots machines that become templates.
private struct TemplateMaker: Sendable {
    let jailer: any SandboxEngine
    let machines: any VirtualMachineEngine
    let group: any EventLoopGroup
    let patience: Duration

    func make(_ machine: MachineSpecification, jail: SandboxSpecification) async throws -> MachineTemplates.Template {
        let booted = try await machines.boot(machine, in: SandboxHousing(jailer: jailer, specification: jail))
        do {
            guard let channel = booted.takeChannel() else {
                throw SandboxError(.setUpFailed, "a machine has no channel")
            }
            let connection = try await GuestConnection.open(
                channel,
                session: nil,
                on: group.next(),
                patience: patience,
                makeConnection: { nil },
                onEnd: { _ in }
            )
            try await connection.ask(.mount(GuestMount(drive: 0, fileSystem: .image, target: "/")))
            try await connection.ask(.listen(port: MachineTemplates.runtimeAPIPort))
            guard let session = await connection.session() else { throw SandboxError(.gone, "a template has ended") }
            let snapshot = try await booted.snapshot()
            connection.close()
            return MachineTemplates.Template(snapshot: snapshot, session: session)
        } catch {
            await booted.destroy()
            throw error
        }
    }
}
