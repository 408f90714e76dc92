import CSandbox
import Dispatch
import Glibc
package import Logging
package import Sandbox
import Synchronization

/// Makes sandboxes out of Linux's namespaces, cgroups and system call filters.
///
/// A small program, the launcher, holds the mounts that all sandboxes share and makes each sandbox's first process. If it
/// dies all sandboxes end, and the next one asked for starts a new launcher. Call ``shutdown()`` when done with it.
package final class NamespacesEngine: SandboxEngine {
    private struct State {
        var isOpen = true
        var launcher: Launcher?
        var launcherWatch: Monitor.Registration?
        var sandboxes: [UInt64: NamespacesSandbox] = [:]
        var nextToken: UInt64 = 1
        var users = GuestUsers()
        /// The user of each sandbox, by its token.
        var userOf: [UInt64: UInt32] = [:]
        /// The sandboxes that wait to be adopted.
        var waiting: Set<UInt64> = []
    }

    private static let processLimit: UInt32 = 742

    private let state = Mutex(State())
    private let configuration: NamespacesConfiguration
    private let launcherPath: String
    private let userland: Userland
    private let rights: HostRights
    private let tree: CgroupTree
    /// `nil` where the host has no loop devices: then `/tmp` is in memory.
    private let scratchDisks: ScratchDiskPool?
    /// `nil` where no sandbox has a network.
    let gateway: NetworkGateway?
    private let logger: Logger
    private let monitor: Monitor
    private let creating = WorkQueue(label: "swiftlet.sandboxes.create", width: 2)
    /// Apart from the above, so that the end of sandboxes does not wait for the making of others, nor the reverse.
    private let removing = WorkQueue(label: "swiftlet.sandboxes.remove", width: 2)
    /// Apart from both: who adopts a sandbox has an invoke waiting, and needs little.
    private let adopting = WorkQueue(label: "swiftlet.sandboxes.adopt", width: 2)
    /// Starts the launcher and tells it whom to kill.
    private let launching = WorkQueue(label: "swiftlet.launcher", width: 1)
    /// Creations that have not yet come as far as to be in the table.
    private let beginnings = DispatchGroup()

    // MARK: Start

    /// Prepares everything that sandboxes share, and removes what a crashed predecessor left.
    ///
    /// - Throws: `.unsupported` when this host cannot make sandboxes, with what to do about it; `.engineFailed` when
    ///   it should but a step failed.
    package static func start(
        _ configuration: NamespacesConfiguration,
        logger: Logger
    ) async throws(SandboxError) -> NamespacesEngine {
        try await WorkQueue(label: "swiftlet.engine-start", width: 1).run {
            Result { () throws(SandboxError) in
                let engine = try NamespacesEngine(configuration, logger: logger)
                do throws(SandboxError) {
                    _ = try engine.launcherInUse()
                } catch {
                    engine.removeShared()
                    throw error
                }
                return engine
            }
        }.get()
    }

    private init(_ configuration: NamespacesConfiguration, logger: Logger) throws(SandboxError) {
        self.configuration = configuration
        self.logger = logger
        let directory: StateDirectory
        do throws(SystemError) {
            directory = try StateDirectory(preparing: configuration.stateDirectory)
            let program = if let path = configuration.launcherPath { path } else { try Self.defaultLauncherPath() }
            try checked("find the launcher at \(program)") { access(program, X_OK) }
            launcherPath = program
            rights = try HostRights.current()
            userland = try Userland(
                skeleton: "\(directory.path)/userland",
                placeholders: "\(directory.path)/waiting",
                extraPaths: configuration.extraUserlandPaths
            )
            tree = try CgroupTree(
                layout: CgroupLayout(
                    mounts: try readText(at: "/proc/self/mountinfo"),
                    membership: try readText(at: "/proc/self/cgroup")
                ),
                instance: directory.instance,
                manifest: "\(directory.path)/cgroups",
                logger: logger
            )
            scratchDisks =
                rights.isPrivileged && access("/dev/loop-control", R_OK | W_OK) == 0
                ? ScratchDiskPool(
                    sparesMax: configuration.spareScratchDisksMax,
                    directory: directory.path,
                    ownerID: GuestUsers.rootID,
                    logger: logger
                ) : nil
            monitor = try Monitor()
        } catch {
            throw SandboxError(.engineFailed, "failed to start the sandbox engine: \(error)", errno: error.errno)
        }
        do throws(SandboxError) {
            gateway = try configuration.network.map { network throws(SandboxError) in
                try NetworkGateway(
                    network,
                    instance: directory.instance,
                    directory: directory.path,
                    logger: logger
                )
            }
        } catch {
            monitor.stop()
            tree.remove()
            throw error
        }
        warnOfWeaknesses()
        for size in configuration.expectedScratchSizes { scratchDisks?.expect(sizeBytes: size) }
    }

    private static func defaultLauncherPath() throws(SystemError) -> String {
        guard let real = realpath("/proc/self/exe", nil) else {
            throw SystemError(operation: "find the running executable", errno: errno)
        }
        defer { free(real) }
        return String(cString: real).split(separator: "/").dropLast().reduce("") { "\($0)/\($1)" }
            + "/swiftlet-launcher"
    }

    private func warnOfWeaknesses() {
        var missing: [String] = []
        if !rights.isPrivileged {
            missing.append("functions run as the service's own user instead of one each (needs root)")
        }
        if !tree.missingControllers.isEmpty {
            let names = tree.missingControllers.map(\.rawValue).joined(separator: ", ")
            missing.append("no limit on: \(names) (needs root, or these cgroup controllers delegated)")
        }
        if tree.unified == nil && tree.legacy[.freezer] == nil {
            missing.append("idle functions are stopped by signals, which they can notice (needs a writable cgroup)")
        }
        if scratchDisks == nil {
            missing.append("/tmp is in memory and counts against the function's memory (needs root and loop devices)")
        }
        guard !missing.isEmpty else { return }
        logger.warning(
            "sandboxes are weaker than they should be on this host",
            metadata: ["missing": .array(missing.map { .string($0) })]
        )
    }

    // MARK: Sandboxes

    /// Of a sandbox that was made with any limit on memory the limit can be changed, so it is the least that a function has.
    package func adoptableMemoryBytes(forFunctionOf bytes: Int) -> Int { 128 << 20 }

    package func createSandbox(_ specification: SandboxSpecification) async throws(SandboxError) -> any Sandbox {
        try await createSandbox(specification, failing: nil)
    }

    /// - Parameter fault: For tests: the step to make fail.
    package func createSandbox(
        _ specification: SandboxSpecification,
        failing fault: SetUpFault?
    ) async throws(SandboxError) -> any Sandbox {
        let sandbox = try await withCheckedContinuation { (creation: NamespacesSandbox.Creation) in
            beginnings.enter()
            creating.perform {
                self.begin(specification, fault: fault, creation: creation)
                self.beginnings.leave()
            }
        }.get()
        // Only now, so that a function of little CPU time does not also get a slow sandbox.
        if specification.cpuLimit != .unlimited {
            do throws(SandboxError) {
                try sandbox.setCPULimit(specification.cpuLimit)
            } catch {
                await sandbox.destroy()
                throw error
            }
        }
        return sandbox
    }

    /// Makes what a sandbox needs on the host, and asks the launcher for it. From then on the sandbox itself sees to
    /// how its creation ends.
    private func begin(
        _ specification: SandboxSpecification,
        fault: SetUpFault?,
        creation: NamespacesSandbox.Creation
    ) {
        var specification = specification
        if specification.isAdoptable { specification.mounts = userland.waiting + specification.mounts }
        var steps = SetUpSteps(sandbox: specification.id, fault: fault)
        var group: SandboxGroup?
        var registered: NamespacesSandbox?
        var token: UInt64 = 0
        do throws(SandboxError) {
            try check(specification.id)
            try check(specification.network)
            let launcher = try launcherInUse()
            let user = try reserveUser(token: &token)
            if tree.unified != nil || !tree.legacy.isEmpty {
                group = try SandboxGroup(tree: tree, specification: specification, steps: &steps)
            }
            let scratch =
                specification.isAdoptable
                ? nil : try takeScratch(bytes: specification.temporaryStorageBytes, steps: &steps)
            let mounts = try openMounts(specification.mounts, launcher: launcher, steps: &steps)
            let tap = try makeTap(specification, user: user, steps: &steps)
            let (ours, theirs) = try steps.take("make control socket") { () throws(SystemError) in
                try MessageSocket.makePair()
            }
            let sandbox = NamespacesSandbox(
                id: specification.id,
                token: token,
                guestID: rights.isPrivileged ? user : nil,
                group: group,
                control: ours,
                scratch: scratch,
                tap: tap,
                host: host,
                isAdoptable: specification.isAdoptable,
                creation: creation
            )
            registered = sandbox
            try insert(sandbox)
            if specification.isAdoptable { setWaiting(token, true) }
            try steps.take("watch") { () throws(SystemError) in try sandbox.watch() }
            let request = Request(
                specification: specification,
                token: token,
                user: user,
                group: group,
                scratch: scratch,
                mounts: mounts,
                control: theirs,
                namesMounts: !rights.isPrivileged
            )
            try steps.take("ask the launcher") { [steps] () throws(SystemError) in
                try request.send(to: launcher.socket, fault: steps.remainingFault, processLimit: Self.processLimit)
            }
        } catch {
            if let registered {
                registered.initGone(error, isReaped: true)
            } else {
                group?.remove(logger: logger)
                forget(token)
                creation.resume(returning: .failure(error))
            }
        }
    }

    /// Gives a sandbox the limits and files of a function. The sandbox hears how it went: from here if a step fails, else
    /// by the launcher's answer.
    private func adopt(_ sandbox: NamespacesSandbox, _ adoption: SandboxAdoption, fault: SetUpFault?) {
        adopting.perform {
            defer { self.setWaiting(sandbox.token, false) }
            var steps = SetUpSteps(sandbox: sandbox.id, purpose: .adoption, fault: fault)
            do throws(SandboxError) {
                guard let launcher = self.state.withLock({ $0.launcher }) else {
                    throw SandboxError(.gone, "sandbox \(sandbox.id) has ended with its launcher")
                }
                try self.check(adoption.network)
                try sandbox.group?.adopt(adoption, steps: &steps)
                let scratch = try self.takeScratch(bytes: adoption.temporaryStorageBytes, steps: &steps)
                sandbox.keep(scratch: scratch)
                let mounts = self.userland.covering(adoption.mounts)
                let request = AdoptionRequest(
                    token: sandbox.token,
                    scratch: scratch,
                    scratchBytes: adoption.temporaryStorageBytes,
                    mounts: mounts,
                    network: adoption.network,
                    trees: try self.openMounts(mounts, launcher: launcher, steps: &steps),
                    namesMounts: !self.rights.isPrivileged
                )
                try steps.take("ask the launcher") { [steps] () throws(SystemError) in
                    try request.send(to: launcher.socket, fault: steps.remainingFault)
                }
            } catch {
                sandbox.adoptionCompleted(error)
            }
        }
    }

    /// A file system for `/tmp`; `nil` where the host has none to give and it is to be in memory.
    private func takeScratch(bytes: Int, steps: inout SetUpSteps) throws(SandboxError) -> OwnedDescriptor? {
        try scratchDisks.map { disks throws(SandboxError) in
            try steps.take("make /tmp") { () throws(SystemError) in try disks.take(sizeBytes: bytes) }
        }
    }

    /// A tap device, where one is wanted.
    private func makeTap(
        _ specification: SandboxSpecification,
        user: UInt32,
        steps: inout SetUpSteps
    ) throws(SandboxError) -> TapDevice? {
        guard specification.hasTap else { return nil }
        guard let gateway else { throw Self.hasNoNetwork }
        return try steps.take("make tap device") { () throws(SystemError) in
            try TapDevice(number: user - GuestUsers.rootID, in: gateway.taps)
        }
    }

    /// The identifier becomes the name of directories.
    private func check(_ id: SandboxID) throws(SandboxError) {
        let isName = id.rawValue.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"): true
            default: false
            }
        }
        if isName && (1...128).contains(id.rawValue.utf8.count) { return }
        throw SandboxError(.setUpFailed, "failed to set up sandbox \(id): not a name", errno: EINVAL)
    }

    private func check(_ network: SandboxNetwork) throws(SandboxError) {
        if network == .isolated || gateway != nil { return }
        throw Self.hasNoNetwork
    }

    private static let hasNoNetwork = SandboxError(
        .unsupported,
        "failed to connect a sandbox: the engine was started without a network"
    )

    private func openMounts(
        _ mounts: [ReadOnlyMount],
        launcher: Launcher,
        steps: inout SetUpSteps
    ) throws(SandboxError) -> [OwnedDescriptor] {
        // Without root only the launcher can, inside its own user namespace.
        guard rights.isPrivileged else { return [] }
        var trees: [OwnedDescriptor] = []
        for mount in mounts {
            trees.append(
                try steps.take("open \(mount.source)") { () throws(SystemError) in
                    OwnedDescriptor(
                        try checked("copy mount") {
                            sb_read_only_tree(AT_FDCWD, mount.source, launcher.ownerNamespace?.rawValue ?? -1)
                        }
                    )
                }
            )
        }
        return trees
    }

    private var host: SandboxHost {
        SandboxHost(
            monitor: monitor,
            removing: removing,
            logger: logger,
            patience: configuration.patience,
            adopting: adopting,
            adopt: { [weak self] sandbox, adoption, fault in self?.adopt(sandbox, adoption, fault: fault) },
            kill: { [weak self] token in self?.kill(token) },
            forget: { [weak self] token in self?.forget(token) }
        )
    }

    private func reserveUser(token: inout UInt64) throws(SandboxError) -> UInt32 {
        let reserved = state.withLock { state -> (token: UInt64, user: UInt32)? in
            guard state.isOpen, let user = state.users.reserve() else { return nil }
            let token = state.nextToken
            state.nextToken += 1
            state.userOf[token] = user
            return (token, user)
        }
        guard let reserved else { throw SandboxError(.gone, "sandbox engine was shut down or has no user left") }
        token = reserved.token
        return reserved.user
    }

    private func insert(_ sandbox: NamespacesSandbox) throws(SandboxError) {
        let isOpen = state.withLock { state in
            if state.isOpen { state.sandboxes[sandbox.token] = sandbox }
            return state.isOpen
        }
        if !isOpen { throw SandboxError(.gone, "sandbox engine was shut down") }
    }

    private func forget(_ token: UInt64) {
        state.withLock { state in
            state.sandboxes[token] = nil
            if let user = state.userOf.removeValue(forKey: token) { state.users.release(user) }
        }
        setWaiting(token, false)
    }

    private func setWaiting(_ token: UInt64, _ isWaiting: Bool) {
        let count = state.withLock { state -> Int? in
            let count = state.waiting.count
            if isWaiting { state.waiting.insert(token) } else { state.waiting.remove(token) }
            return state.waiting.count == count ? nil : state.waiting.count
        }
        if let count { scratchDisks?.expect(adoptions: count) }
    }

    private func kill(_ token: UInt64) {
        launching.perform {
            guard let launcher = self.state.withLock({ $0.launcher }) else { return }
            // If this fails the launcher is gone, and with it the sandbox.
            try? launcher.socket.send(SB_KILL, token: token)
        }
    }

    // MARK: Launcher

    /// Has every sandbox end, whatever becomes of this process, unless it is called again within this time. It is the launcher that
    /// ends them, so they do though this process is stopped. Does not wait.
    package func keepAlive(for time: Duration) {
        guard let launcher = state.withLock({ $0.launcher }) else { return }
        let milliseconds = Int32(clamping: Int64(time / .milliseconds(1)))
        // If this fails the launcher is gone, and every sandbox with it.
        try? launcher.socket.send(SB_ALIVE, number: max(1, milliseconds))
    }

    /// The running launcher, or a new one. Blocks; for the work queue's threads.
    private func launcherInUse() throws(SandboxError) -> Launcher {
        if let launcher = state.withLock({ $0.launcher }) { return launcher }
        return try launching.wait { Result { () throws(SandboxError) in try self.startLauncher() } }.get()
    }

    private func startLauncher() throws(SandboxError) -> Launcher {
        let (isOpen, running) = state.withLock { ($0.isOpen, $0.launcher) }
        if let running { return running }
        guard isOpen else { throw SandboxError(.gone, "sandbox engine was shut down") }
        let launcher = try Launcher(
            program: launcherPath,
            monitor: monitor,
            userland: userland,
            gateway: gateway,
            isPrivileged: rights.isPrivileged
        )
        state.withLock { $0.launcher = launcher }
        do {
            let watch = try monitor.watch(launcher.socket.descriptor) { [weak self] in self?.receive(from: launcher) }
            state.withLock { $0.launcherWatch = watch }
        } catch {
            state.withLock { $0.launcher = nil }
            launcher.stop()
            throw SandboxError(.engineFailed, "failed to watch the launcher: \(error)", errno: error.errno)
        }
        return launcher
    }

    /// On the monitor's thread.
    private func receive(from launcher: Launcher) {
        let message: IncomingMessage?
        do {
            message = try launcher.socket.receive()
        } catch {
            if error.errno == EAGAIN { return }
            message = nil
        }
        guard let message else { return launcherLost(launcher) }
        guard let sandbox = state.withLock({ $0.sandboxes[message.token] }) else { return }
        switch message.kind {
        case SB_REAPED:
            sandbox.initWasReaped()
        case SB_ADOPTED:
            let purpose = SetUpSteps.Purpose.adoption
            let reason = "\(message.text): \(errorText(message.number))"
            sandbox.adoptionCompleted(
                message.number == 0 ? nil : purpose.error(in: sandbox.id, reason, errno: message.number)
            )
        case SB_SPAWN_FAILED:
            let reason = "\(message.text): \(errorText(message.number))"
            sandbox.initGone(
                SandboxError(.setUpFailed, "failed to set up sandbox \(sandbox.id): \(reason)", errno: message.number),
                isReaped: true
            )
        default:
            break
        }
    }

    private func launcherLost(_ launcher: Launcher) {
        let (watch, sandboxes) = state.withLock { state in
            guard state.launcher === launcher else { return (nil as Monitor.Registration?, [NamespacesSandbox]()) }
            state.launcher = nil
            return (state.launcherWatch.take(), Array(state.sandboxes.values))
        }
        guard let watch else { return }
        monitor.unwatch(launcher.socket.descriptor, watch)
        logger.error(
            "the launcher ended and all sandboxes with it; the next sandbox starts a new one",
            metadata: ["sandboxes": "\(sandboxes.count)"]
        )
        for sandbox in sandboxes {
            sandbox.initGone(
                SandboxError(.engineFailed, "failed to set up sandbox \(sandbox.id): the launcher ended"),
                isReaped: false
            )
        }
        removing.perform { launcher.stop() }
    }

    // MARK: Shutdown

    package func shutdown() async {
        let wasOpen = state.withLock { state in
            defer { state.isOpen = false }
            return state.isOpen
        }
        guard wasOpen else { return }
        await removing.run { self.beginnings.wait() }
        let sandboxes = state.withLock { Array($0.sandboxes.values) }
        await withTaskGroup(of: Void.self) { group in
            for sandbox in sandboxes { group.addTask { await sandbox.destroy() } }
        }
        await removing.run { self.removeShared() }
    }

    private func removeShared() {
        let (launcher, watch) = state.withLock { ($0.launcher.take(), $0.launcherWatch.take()) }
        if let launcher {
            if let watch { monitor.unwatch(launcher.socket.descriptor, watch) }
            launcher.stop()
        }
        scratchDisks?.close()
        gateway?.close()
        monitor.stop()
        tree.remove()
    }
}
