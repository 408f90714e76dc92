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
        var isDestroyed = false
    }

    let id: SandboxID
    private let housing: SandboxHousing
    private let open: OpenFiles
    private let onEnd: @Sendable (SandboxID) -> Void
    private let logger: Logger
    private let state: Mutex<State>

    init(
        id: SandboxID,
        housing: SandboxHousing,
        isAdoptable: Bool,
        logger: Logger,
        open: @escaping OpenFiles,
        onEnd: @escaping @Sendable (SandboxID) -> Void
    ) {
        self.id = id
        self.housing = housing
        self.open = open
        self.onEnd = onEnd
        self.logger = logger
        state = Mutex(State(canBeAdopted: isAdoptable))
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
    func start(
        _ template: MachineTemplates.Template,
        as specification: MachineSpecification,
        with machines: any VirtualMachineEngine,
        on loop: any EventLoop,
        patience: Duration
    ) async throws(SandboxError) {
        let machine: any VirtualMachine
        do throws(VirtualMachineError) {
            machine = try await machines.restore(template.snapshot, as: specification, in: housing)
        } catch {
            throw SandboxError(.setUpFailed, "failed to set up sandbox \(id): \(error)")
        }
        state.withLock { $0.machine = machine }
        guard let channel = machine.takeChannel() else { throw gone }
        let connection = try await GuestConnection.open(
            channel,
            session: template.session,
            on: loop,
            patience: patience,
            makeConnection: { [housing] in await Self.connectToRuntimeAPI(housing) },
            onEnd: { [weak self] in self?.linkEnded($0) }
        )
        state.withLock { $0.connection = connection }
        do throws(VirtualMachineError) {
            try await machine.resume()
        } catch {
            throw SandboxError(.setUpFailed, "failed to set up sandbox \(id): \(error)")
        }
        var random = SystemRandomNumberGenerator()
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let identity = GuestIdentity(
            entropy: (0..<64).map { _ in UInt8.random(in: 0...255, using: &random) },
            unixNanoseconds: UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec),
            hostName: SandboxFiles.hostName
        )
        try await connection.ask(.identify(identity))
    }

    /// The machine's jail has a socket for the Runtime API like every sandbox. The function's connections to the port in its
    /// guest are carried on to there, by sockets of the jail's network, so nobody else can reach it here, too.
    private static func connectToRuntimeAPI(_ housing: SandboxHousing) async -> CInt? {
        guard let jail = housing.sandbox, let socket = try? await jail.makeSocket() else { return nil }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = in_port_t(MachineTemplates.runtimeAPIPort).bigEndian
        address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(socket, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
            }
        }
        // Over loopback the kernel has made the connection by the time that it says it is doing so.
        guard result == 0 || errno == EINPROGRESS else {
            close(socket)
            return nil
        }
        return socket
    }

    /// Gives the function's limits, network and files. Their drives have been connected.
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
        try await connection.ask(.mount(GuestMount(drive: drive(.scratch), fileSystem: .scratch, target: "/tmp")))
        for mount in files.mounts {
            guard let kind = GuestDrive.drive(for: mount.target) else { continue }
            try await connection.ask(.mount(GuestMount(drive: drive(kind), fileSystem: .image, target: mount.target)))
        }
    }

    private func drive(_ drive: GuestDrive) -> UInt8 { UInt8(drive.rawValue) }

    func adopt(_ adoption: SandboxAdoption) async throws(SandboxError) {
        let machine = state.withLock { state in
            defer { state.canBeAdopted = false }
            return state.canBeAdopted && !state.isDestroyed ? state.machine : nil
        }
        guard let machine else { throw SandboxError(.gone, "sandbox \(id) has ended or is not to be adopted") }
        do throws(SandboxError) {
            let files = GuestFiles(adoption)
            let opened = try await open(files)
            defer { for file in opened.values { close(file) } }
            for (drive, file) in opened {
                do throws(VirtualMachineError) {
                    try await machine.replaceDrive(drive.rawValue, with: file)
                } catch {
                    throw SandboxError(.adoptionFailed, "failed to adopt sandbox \(id): \(error)")
                }
            }
            try await attach(files)
        } catch {
            // Of files, some may be there and others not.
            await destroy()
            throw error.code == .gone
                ? error : SandboxError(.adoptionFailed, "failed to adopt sandbox \(id): \(error)", errno: error.errno)
        }
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

    func makeSocket() async throws(SandboxError) -> CInt {
        throw SandboxError(.unsupported, "nothing that listens in a virtual machine can be reached yet")
    }

    // MARK: Limits

    func freeze() throws(SandboxError) {
        try jail().freeze()
    }

    func thaw() throws(SandboxError) {
        try jail().thaw()
    }

    func setCPULimit(_ limit: CPULimit) throws(SandboxError) {
        try jail().setCPULimit(limit)
    }

    func peakMemoryBytes() -> Int {
        Int(clamping: state.withLock { $0.connection }?.memoryUsed.peakBytes ?? 0)
    }

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
