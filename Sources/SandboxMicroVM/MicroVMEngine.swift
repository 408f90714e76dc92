import Glibc
import GuestImages
import GuestProtocol
package import Logging
package import NIOCore
package import Sandbox
import Synchronization
package import VirtualMachine

/// Makes sandboxes that are virtual machines: each a copy of a template, in a namespace sandbox that holds its process.
package final class MicroVMEngine: SandboxCopier {
    /// What the process behind a machine has beside the machine's memory: translated code, mostly.
    private static let processOverheadMiB = 256
    /// QEMU ends when it cannot start a thread, and has up to 64 for what its drives write.
    private static let processThreadsMax = 128

    private let configuration: MicroVMConfiguration
    private let jailer: any SandboxEngine
    private let machines: any VirtualMachineEngine
    private let group: any EventLoopGroup
    private let logger: Logger
    private let files: GuestDriveFiles
    private let kernel: CInt
    private let initialFiles: CInt
    private let roots: [UserlandID: MachineFile]
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
        roots = try Self.open(configuration.rootImages)
        let maker = TemplateMaker(
            jailer: jailer,
            machines: machines,
            group: group,
            patience: configuration.patience
        )
        let make = Self.machineMaker(configuration, kernel: kernel, initialFiles: initialFiles)
        templates = MachineTemplates { [roots] template in
            guard let root = roots[template.userland] else { throw Self.noImage(template.userland) }
            let placeholder = try GuestDriveFiles.placeholder()
            defer { close(placeholder) }
            let machine = make(
                template.size,
                [
                    .root: root.descriptor, .scratch: placeholder, .task: placeholder, .layers: placeholder,
                    .runtime: placeholder,
                ]
            )
            // Sandboxes' names are short, and of few characters.
            let name = SandboxID("template-\(root.contentID.prefix(8))-\(template.size.memoryMiB)")
            return try await maker.make(machine, jail: Self.jail(name, machine))
        }
    }

    deinit {
        close(kernel)
        close(initialFiles)
        for root in roots.values { close(root.descriptor) }
    }

    private static func open(_ images: [UserlandID: GuestImage]) throws(SandboxError) -> [UserlandID: MachineFile] {
        var files: [UserlandID: MachineFile] = [:]
        do throws(SandboxError) {
            for (userland, image) in images {
                files[userland] = MachineFile(descriptor: try open(image.path), contentID: image.id)
            }
        } catch {
            for file in files.values { close(file.descriptor) }
            throw error
        }
        return files
    }

    private static func noImage(_ userland: UserlandID?) -> SandboxError {
        let name = userland.map { "of \($0)" } ?? "without a name"
        return SandboxError(.setUpFailed, "there is no image \(name) for virtual machines")
    }

    private static func open(_ path: String) throws(SandboxError) -> CInt {
        let file = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard file >= 0 else { throw SandboxError(.engineFailed, "failed to open \(path)", errno: errno) }
        return file
    }

    private typealias MachineMaker = @Sendable (GuestSize, _ drives: [GuestDrive: CInt]) -> MachineSpecification

    private static func machineMaker(
        _ configuration: MicroVMConfiguration,
        kernel: CInt,
        initialFiles: CInt
    ) -> MachineMaker {
        { size, drives in
            MachineSpecification(
                memoryMiB: size.memoryMiB,
                processors: size.processors,
                kernel: MachineFile(descriptor: kernel, contentID: configuration.bootFiles.kernel.id),
                initialFiles: MachineFile(descriptor: initialFiles, contentID: configuration.bootFiles.initialFiles.id),
                hasACPI: configuration.bootFiles.hasACPI,
                drives: GuestDrive.allCases.map { drive in
                    guard let file = drives[drive] else { preconditionFailure("a machine without drive \(drive)") }
                    return MachineDrive(descriptor: file, isReadOnly: drive.isReadOnly)
                }
            )
        }
    }

    private static func jail(
        _ id: SandboxID,
        _ machine: MachineSpecification
    ) -> SandboxSpecification {
        SandboxSpecification(
            id: id,
            // Twice what the guest has: a page that it is the first to write to, and its template had not, is given to the file of
            // the template's memory as well, as zeros, and counts here.
            memoryBytesMax: (2 * machine.memoryMiB + processOverheadMiB) << 20,
            processesMax: processThreadsMax,
            // Limited only once it runs: a function of little CPU time is not to get a slow start.
            cpuLimit: .unlimited,
            temporaryStorageBytes: 1 << 20,
            mounts: [],
            hasTap: machine.network == .tap
        )
    }

    // MARK: Sandboxes

    package func adoptableMemoryBytes(forFunctionOf bytes: Int) -> Int {
        GuestSize.smallest(forFunctionOf: bytes).functionMiB << 20
    }

    package func createSandbox(_ specification: SandboxSpecification) async throws(SandboxError) -> any Sandbox {
        guard let userland = specification.userland, roots[userland] != nil else {
            throw Self.noImage(specification.userland)
        }
        let make = MachineTemplates.Make(
            userland: userland,
            size: .smallest(forFunctionOf: specification.memoryBytesMax)
        )
        let template = try await templates.template(make)
        return try await createSandbox(specification, make, template, having: nil, processes: [:])
    }

    package func snapshot(_ sandbox: any Sandbox) async throws(SandboxError) -> any SandboxSnapshot {
        guard let sandbox = sandbox as? MicroVMSandbox else {
            preconditionFailure("a sandbox of another engine")
        }
        return try await sandbox.snapshot()
    }

    package func createSandbox(
        _ specification: SandboxSpecification,
        copying snapshot: any SandboxSnapshot,
        processes: [SandboxProcess: CopiedProcess]
    ) async throws(SandboxError) -> any Sandbox {
        guard let snapshot = snapshot as? MicroVMSnapshot else { preconditionFailure("a snapshot of another engine") }
        guard snapshot.make.size == .smallest(forFunctionOf: specification.memoryBytesMax) else {
            throw SandboxError(.incompatible, "failed to copy a guest: it has another size")
        }
        return try await createSandbox(
            specification,
            snapshot.make,
            snapshot.template,
            having: snapshot,
            processes: processes
        )
    }

    package func save(_ snapshot: any SandboxSnapshot, in directory: String) throws(SandboxError) {
        guard let snapshot = snapshot as? MicroVMSnapshot, let root = roots[snapshot.make.userland] else {
            preconditionFailure("a snapshot of another engine")
        }
        try snapshot.save(in: directory, rootImage: root.contentID)
    }

    package func loadSnapshot(from directory: String) throws(SandboxError) -> any SandboxSnapshot {
        try MicroVMSnapshot.load(from: directory) { roots[$0]?.contentID }
    }

    /// - Parameter snapshot: What the template has of its own, if it is more than a machine that waits.
    private func createSandbox(
        _ specification: SandboxSpecification,
        _ make: MachineTemplates.Make,
        _ template: MachineTemplates.Template,
        having snapshot: MicroVMSnapshot?,
        processes: [SandboxProcess: CopiedProcess]
    ) async throws(SandboxError) -> MicroVMSandbox {
        let wanted = GuestFiles(specification)
        // A copy has its template's `/tmp` mounted, with a copy of what is behind it.
        let keptStorage = snapshot?.drives.temporaryStorageBytes
        var files = keptStorage == nil ? wanted : wanted.withoutStorage
        files.mounts.removeAll { snapshot?.mounts.contains($0) ?? false }
        let own = try await open(files, snapshot?.drives)
        let drives = try drives(own, make)
        defer { for file in drives.values { close(file) } }
        var machine = Self.machineMaker(configuration, kernel: kernel, initialFiles: initialFiles)(make.size, drives)
        let mayBeConnected =
            specification.network == .internet || (specification.isAdoptable && !specification.isTemplate)
        if configuration.hasNetwork, mayBeConnected { machine.network = .tap }
        let sandbox = MicroVMSandbox(
            specification,
            temporaryStorageBytes: keptStorage,
            make: make,
            housing: SandboxHousing(jailer: jailer, specification: Self.jail(specification.id, machine)),
            slowdown: machines.slowdown,
            logger: logger,
            open: { [weak self] files throws(SandboxError) in
                guard let self else { throw SandboxError(.gone, "the engine has ended") }
                return try await self.open(files)
            },
            onEnd: { [weak self] id in self?.living.withLock { _ = $0.sandboxes.removeValue(forKey: id) } }
        )
        let isOpen = living.withLock { living in
            if living.isOpen { living.sandboxes[specification.id] = sandbox }
            return living.isOpen
        }
        guard isOpen else { throw SandboxError(.gone, "the engine has been shut down") }
        do throws(SandboxError) {
            try await sandbox.start(
                template,
                as: machine,
                own,
                processes: processes,
                with: machines,
                on: group.next(),
                patience: configuration.patience
            )
            try await sandbox.attach(files)
            try await sandbox.exchangeStorage(for: wanted)
            if specification.cpuLimit != .unlimited { try sandbox.setCPULimit(specification.cpuLimit) }
        } catch {
            await sandbox.destroy()
            throw error
        }
        return sandbox
    }

    /// Descriptors for all drives of a machine, the caller's to close.
    ///
    /// - Parameter own: Of those that are not the same for all; owned.
    private func drives(
        _ own: [GuestDrive: CInt],
        _ make: MachineTemplates.Make
    ) throws(SandboxError) -> [GuestDrive: CInt] {
        var drives = own
        do throws(SandboxError) {
            if let root = roots[make.userland] { drives[.root] = fcntl(root.descriptor, F_DUPFD_CLOEXEC, 0) }
            for drive in GuestDrive.allCases where drives[drive] == nil {
                drives[drive] = try GuestDriveFiles.placeholder()
            }
            return drives
        } catch {
            for file in drives.values { close(file) }
            throw error
        }
    }

    /// Files for the drives of a function, and those that are kept for it in a snapshot.
    private func open(
        _ files: GuestFiles,
        _ kept: SnapshotDrives?
    ) async throws(SandboxError) -> [GuestDrive: CInt] {
        let opened = try await open(files)
        do throws(SandboxError) {
            return opened.merging(try kept?.opened(self.files) ?? [:]) { opened, kept in
                close(kept)
                return opened
            }
        } catch {
            for file in opened.values { close(file) }
            throw error
        }
    }

    /// Files for the drives of a function.
    private func open(_ files: GuestFiles) async throws(SandboxError) -> [GuestDrive: CInt] {
        try check(files.network)
        var opened: [GuestDrive: CInt] = [:]
        do throws(SandboxError) {
            if let bytes = files.temporaryStorageBytes { opened[.scratch] = try await self.files.disk(bytes: bytes) }
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

/// Boots machines that become templates.
private struct TemplateMaker: Sendable {
    let jailer: any SandboxEngine
    let machines: any VirtualMachineEngine
    let group: any EventLoopGroup
    let patience: Duration

    func make(_ machine: MachineSpecification, jail: SandboxSpecification) async throws -> MachineTemplates.Template {
        let booted = try await machines.boot(machine, in: SandboxHousing(jailer: jailer, specification: jail))
        do {
            guard let channel = try await booted.takeChannel() else {
                throw SandboxError(.setUpFailed, "a machine has no channel")
            }
            let connection = try await GuestConnection.open(
                channel,
                standing: nil,
                isTemplate: true,
                on: group.next(),
                patience: patience,
                makeConnection: { nil },
                onEnd: { _ in }
            )
            try await connection.ask(.mount(GuestMount(drive: 0, fileSystem: .image, target: "/")))
            try await connection.ask(.listen(port: MachineTemplates.runtimeAPIPort))
            let standing = try await connection.rest {
                try await booted.pause()
            } resume: {
                try await booted.resume()
            }
            let snapshot = try await booted.snapshot()
            connection.close()
            return MachineTemplates.Template(snapshot: snapshot, standing: standing)
        } catch {
            await booted.destroy()
            throw error
        }
    }
}
