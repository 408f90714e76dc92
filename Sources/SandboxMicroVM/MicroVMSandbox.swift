import Glibc
import GuestProtocol
import Logging
import NIOCore
import Sandbox
import Synchronization
import VirtualMachine

/// A sandbox that is a virtual machine, in the namespace sandbox of its process. What limits and freezes that process limits
/// and freezes the machine; what is about the function's processes is asked of the agent.
final class MicroVMSandbox: Sandbox {
    typealias OpenFiles = @Sendable (GuestFiles) async throws(SandboxError) -> [GuestDrive: CInt]

    private struct State {
        var machine: (any VirtualMachine)?
        var connection: GuestConnection?
        var canBeAdopted: Bool
        /// The size of the `/tmp` that is mounted, if one is.
        var temporaryStorageBytes: Int?
        /// What is behind the drives of a template.
        var drives: [GuestDrive: CInt] = [:]
        var isDestroyed = false
    }

    let id: SandboxID
    /// What its machine is made of.
    let make: MachineTemplates.Make
    private let isTemplate: Bool
    /// What was mounted in it when it was made.
    let mounts: [ReadOnlyMount]
    private let housing: SandboxHousing
    private let slowdown: Int
    private let open: OpenFiles
    private let onEnd: @Sendable (SandboxID) -> Void
    private let logger: Logger
    private let state: Mutex<State>

    /// - Parameter temporaryStorageBytes: The size of the `/tmp` that its template has mounted, if it has one.
    init(
        _ specification: SandboxSpecification,
        temporaryStorageBytes: Int?,
        make: MachineTemplates.Make,
        housing: SandboxHousing,
        slowdown: Int,
        logger: Logger,
        open: @escaping OpenFiles,
        onEnd: @escaping @Sendable (SandboxID) -> Void
    ) {
        id = specification.id
        self.make = make
        mounts = specification.mounts
        isTemplate = specification.isTemplate
        self.housing = housing
        self.slowdown = slowdown
        self.open = open
        self.onEnd = onEnd
        self.logger = logger
        state = Mutex(
            State(canBeAdopted: specification.isAdoptable, temporaryStorageBytes: temporaryStorageBytes)
        )
    }

    deinit {
        for file in state.withLock({ $0.drives }).values { close(file) }
    }

    private var gone: SandboxError { SandboxError(.gone, "sandbox \(id) has ended") }

    private func connection() throws(SandboxError) -> GuestConnection {
        guard let connection = state.withLock({ $0.isDestroyed ? nil : $0.connection }) else { throw gone }
        return connection
    }

    private func jail() throws(SandboxError) -> any Sandbox {
        guard let jail = housing.sandbox else { throw gone }
        return jail
    }

    // MARK: Beginning

    /// Copies the template, and gives the copy an identity before anything else happens in it.
    ///
    /// - Parameters:
    ///   - drives: What is behind its drives, as far as anything is; they stay the caller's to close.
    ///   - processes: What the template's processes are connected with.
    func start(
        _ template: MachineTemplates.Template,
        as specification: MachineSpecification,
        _ drives: [GuestDrive: CInt],
        processes: [SandboxProcess: CopiedProcess],
        with machines: any VirtualMachineEngine,
        on loop: any EventLoop,
        patience: Duration
    ) async throws(SandboxError) {
        let machine: any VirtualMachine
        do throws(VirtualMachineError) {
            machine = try await machines.restore(
                template.snapshot,
                as: specification,
                isTemplate: isTemplate,
                in: housing
            )
        } catch {
            let code: SandboxError.Code = error.code == .incompatible ? .incompatible : .setUpFailed
            throw SandboxError(code, "failed to set up sandbox \(id): \(error)")
        }
        state.withLock { state in
            state.machine = machine
            if isTemplate { state.drives = drives.mapValues { fcntl($0, F_DUPFD_CLOEXEC, 0) } }
        }
        let channel: CInt?
        do throws(VirtualMachineError) {
            // In this order: of some machines there is no channel before they run.
            try await machine.resume()
            channel = try await machine.takeChannel()
        } catch {
            throw SandboxError(.setUpFailed, "failed to set up sandbox \(id): \(error)")
        }
        guard let channel else { throw gone }
        let connection = try await GuestConnection.open(
            channel,
            standing: template.standing,
            isTemplate: isTemplate,
            on: loop,
            patience: patience,
            makeConnection: { [housing] in await Self.connectToRuntimeAPI(housing) },
            onEnd: { [weak self] in self?.linkEnded($0) }
        )
        state.withLock { $0.connection = connection }
        try await connection.goOn(from: template.standing, with: processes)
        var random = SystemRandomNumberGenerator()
        let identity = GuestIdentity(
            entropy: (0..<64).map { _ in UInt8.random(in: 0...255, using: &random) },
            unixNanoseconds: UInt64(GuestLinkHandler.now()),
            hostName: SandboxFiles.hostName
        )
        try await connection.ask(.identify(identity))
    }

    /// The machine's jail has a socket for the Runtime API like every sandbox. The function's connections to the port in its
    /// guest are carried on to there, by sockets of the jail's network, so nobody else can reach it here, too.
    private static func connectToRuntimeAPI(_ housing: SandboxHousing) async -> CInt? {
        try? await housing.sandbox?.connect(toPort: MachineTemplates.runtimeAPIPort)
    }

    /// Keeps the state of the machine, which ends.
    func snapshot() async throws(SandboxError) -> MicroVMSnapshot {
        let (machine, connection) = state.withLock { state in
            defer { state.canBeAdopted = false }
            return isTemplate && !state.isDestroyed ? (state.machine, state.connection) : (nil, nil)
        }
        do {
            guard let machine, let connection else { throw gone }
            let standing = try await connection.rest {
                try await machine.pause()
            } resume: {
                try await machine.resume()
            }
            let kept = try await machine.snapshot()
            await destroy()
            let drives = state.withLock { state in
                defer { state.drives = [:] }
                return SnapshotDrives(state.drives, temporaryStorageBytes: state.temporaryStorageBytes)
            }
            return MicroVMSnapshot(
                template: .init(snapshot: kept, standing: standing),
                make: make,
                mounts: mounts,
                drives: drives
            )
        } catch {
            await destroy()
            throw error as? SandboxError
                ?? SandboxError(.snapshotFailed, "failed to keep sandbox \(id): \(error)")
        }
    }

    /// Gives limits, network and files, but for those that its template has mounted. Their drives have been connected.
    func attach(_ files: GuestFiles) async throws(SandboxError) {
        let connection = try connection()
        if files.network == .internet {
            // The jail's first: what the guest sends from then on it sends in its own name, or in vain.
            let addresses = try await jail().connectTap()
            try await connection.ask(.connect(GuestAddresses(own: addresses.own, gateway: addresses.gateway)))
        }
        try await connection.ask(
            .limit(memoryBytes: UInt64(files.memoryBytesMax), processes: UInt32(clamping: files.processesMax))
        )
        if let bytes = files.temporaryStorageBytes { try await mountStorage(bytes: bytes) }
        for mount in files.mounts {
            guard let kind = GuestDrive.drive(for: mount.target) else { continue }
            try await connection.ask(.mount(GuestMount(drive: drive(kind), fileSystem: .image, target: mount.target)))
        }
        // It was told the time once, and a host under load delivers late.
        try await connection.adjustClock()
    }

    private func drive(_ drive: GuestDrive) -> UInt8 { UInt8(drive.rawValue) }

    func adopt(_ adoption: SandboxAdoption) async throws(SandboxError) {
        let machine = state.withLock { state in
            defer { state.canBeAdopted = false }
            return state.canBeAdopted && !state.isDestroyed ? state.machine : nil
        }
        guard let machine else { throw SandboxError(.gone, "sandbox \(id) has ended or is not to be adopted") }
        do throws(SandboxError) {
            // It may have waited frozen.
            try thaw()
            let files = GuestFiles(adoption)
            try await exchangeStorage(for: files)
            try await replaceDrives(of: machine, with: files.withoutStorage)
            try await attach(files.withoutStorage)
        } catch {
            // Of files, some may be there and others not.
            await destroy()
            throw error.code == .gone
                ? error : SandboxError(.adoptionFailed, "failed to adopt sandbox \(id): \(error)", errno: error.errno)
        }
    }

    /// Gives it the `/tmp` of these files, in place of the one that it has, unless that is as large.
    func exchangeStorage(for files: GuestFiles) async throws(SandboxError) {
        let (machine, mounted) = state.withLock { ($0.machine, $0.temporaryStorageBytes) }
        guard let machine else { throw gone }
        guard let bytes = files.temporaryStorageBytes, mounted != bytes else { return }
        if mounted != nil { try await connection().ask(.unmount(target: "/tmp")) }
        try await replaceDrives(of: machine, with: files.storage)
        try await mountStorage(bytes: bytes)
    }

    private func replaceDrives(of machine: any VirtualMachine, with files: GuestFiles) async throws(SandboxError) {
        let opened = try await open(files)
        defer { for file in opened.values { close(file) } }
        for (drive, file) in opened {
            do throws(VirtualMachineError) {
                try await machine.replaceDrive(drive.rawValue, with: file)
            } catch {
                throw SandboxError(.adoptionFailed, "failed to replace a drive of sandbox \(id): \(error)")
            }
        }
    }

    private func mountStorage(bytes: Int) async throws(SandboxError) {
        let mount = GuestMount(drive: drive(.scratch), fileSystem: .scratch, target: "/tmp")
        try await connection().ask(.mount(mount))
        state.withLock { $0.temporaryStorageBytes = bytes }
    }

    // MARK: Processes

    func takeRuntimeAPIListener() -> CInt? {
        housing.sandbox?.takeRuntimeAPIListener()
    }

    func start(
        _ process: ProcessSpecification,
        onExit: @escaping @Sendable (ProcessExit) -> Void
    ) async throws(SandboxError) -> SandboxProcess {
        let strings = [process.executable, process.workingDirectory] + process.arguments + process.environment
        guard !strings.contains(where: { $0.utf8.contains(0) }) else {
            throw SandboxError(.execFailed, "failed to execute in sandbox \(id): strings with NUL", errno: EINVAL)
        }
        return try await connection().start(process, onExit: onExit)
    }

    func signal(_ process: SandboxProcess, _ number: CInt) throws(SandboxError) {
        let connection = try connection()
        if number == SIGKILL { try thaw() }
        connection.signal(process, number)
    }

    func killProcesses() async throws(SandboxError) {
        // A guest that is frozen would not hear of it.
        try thaw()
        do throws(SandboxError) {
            try await connection().ask(.killAll)
        } catch {
            await destroy()
            throw gone
        }
    }

    func connect(toPort port: UInt16) async throws(SandboxError) -> CInt {
        try await connection().connect(toPort: port)
    }

    // MARK: Limits

    func freeze() throws(SandboxError) {
        try jail().freeze()
    }

    func thaw() throws(SandboxError) {
        try jail().thaw()
    }

    func setCPULimit(_ limit: CPULimit) throws(SandboxError) {
        switch limit {
        case .unlimited: try jail().setCPULimit(.unlimited)
        // As much work as a function gets done with this share elsewhere.
        case .thousandths(let share): try jail().setCPULimit(.thousandths(share * slowdown))
        }
    }

    func peakMemoryBytes() -> Int {
        Int(clamping: state.withLock { $0.connection }?.memoryUsed.peakBytes ?? 0)
    }

    /// Of the machine's process, which has memory long before a function in it does.
    func peakHostMemoryBytes() -> Int { housing.sandbox?.peakHostMemoryBytes() ?? 0 }

    /// Of the machine's process: what the guest's kernel uses is the function's, too.
    func cpuNanoseconds() -> Int? { housing.sandbox?.cpuNanoseconds() }

    func hasExceededMemory() -> Bool {
        (state.withLock { $0.connection }?.memoryUsed.kills ?? 0) > 0
    }

    // MARK: End

    /// The guest has ended, or has said what cannot be.
    private func linkEnded(_ violation: ProtocolViolation?) {
        if let violation {
            logger.warning(
                "a guest said what cannot be and is ended",
                metadata: ["sandbox.id": "\(id)", "reason": "\(violation)"]
            )
        } else if !state.withLock({ $0.isDestroyed }) {
            logger.debug("a guest has ended", metadata: ["sandbox.id": "\(id)"])
        }
        // From an event loop, where nobody can wait for it.
        Task { await destroy() }
    }

    func destroy() async {
        let (machine, connection) = state.withLock { state in
            state.isDestroyed = true
            return (state.machine, state.connection)
        }
        connection?.close()
        await machine?.destroy()
        await housing.destroy()
        onEnd(id)
    }
}
