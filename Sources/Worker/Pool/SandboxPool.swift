import Dispatch
import Glibc
import LambdaAPI
import Logging
import Sandbox
import Synchronization
import Telemetry

/// Sandboxes that wait for a function, most of them with a runtime that has been started already, so that a cold start is
/// only what belongs to the function.
///
/// A thin shell around ``SandboxPoolStateMachine``. A sandbox is taken at most once and never comes back; nothing of any
/// function is in one that waits.
package final class SandboxPool: Sendable {
    private typealias Machine = SandboxPoolStateMachine<WaitingPlan, SandboxID, ContinuousClock.Instant>

    private struct State {
        var machine: Machine
        var sandboxes: [SandboxID: WaitingSandbox] = [:]
        var templates = WaitingTemplates()
        var isStopped = false
        /// Something has happened that ``run()`` has not seen.
        var isWoken = false
        var sleeper: CheckedContinuation<Void, Never>?
    }

    /// How long a runtime may take to start before it is given up.
    private static let startSecondsMax = 30
    /// What is left in the environment of a waiting runtime for its function's: they may have 4 KB of their own.
    private static let environmentRoom = 8192

    /// How long the pool leaves the CPU to environments that start, at most.
    private static let deference = DispatchTimeInterval.milliseconds(500)

    private let engine: any SandboxEngine
    private let gate: StartGate
    private let runtimes: InstalledRuntimes
    private let settings: WorkerSettings
    private let logger: Logger
    private let state: Mutex<State>
    /// Where it is awaited that runtimes are ready, one after the other, and where timers fire.
    private let queue = DispatchQueue(label: "swiftlet.sandbox-pool", qos: .utility)

    /// - Parameter gate: Where environments start, before which the pool stands back.
    init(
        engine: any SandboxEngine,
        runtimes: InstalledRuntimes,
        settings: WorkerSettings,
        gate: StartGate,
        logger: Logger
    ) {
        self.engine = engine
        self.gate = gate
        self.runtimes = runtimes
        self.settings = settings
        self.logger = logger
        let bounds = Machine.Bounds(
            lineMax: settings.waitingSandboxesMax,
            memoryBytesMax: settings.waitingMemoryMax.bytes
        )
        state = Mutex(State(machine: Machine(bounds: bounds)))
    }

    /// The engine, if its sandboxes can be copied.
    var copier: (any SandboxCopier)? { engine as? any SandboxCopier }

    // MARK: Demand

    /// There is a function of this runtime and memory size, which may be invoked at any time.
    package func expect(runtime: String, memoryMegabytes: Int) {
        guard let plan = runtimes.launchPlan(for: runtime, handler: "", memoryMebibytes: memoryMegabytes) else {
            return
        }
        let waiting = plan.waitingPlan(
            variables: EnvironmentVariables(startedWith: plan.environment),
            memoryBytes: engine.adoptableMemoryBytes(forFunctionOf: memoryMegabytes << 20)
        )
        state.withLock { $0.machine.expected(waiting, at: .now) }
        wake()
    }

    /// This much of the memory budget is not promised to any environment.
    package func memoryBecameFree(_ bytes: Int) {
        state.withLock { $0.machine.memoryBecameFree(bytes) }
        wake()
    }

    /// A sandbox for a function: one that has waited, which is adopted, or else a new one.
    ///
    /// - Parameters:
    ///   - specification: Of the new one.
    ///   - plan: How the function's runtime is started.
    ///   - variables: The function's.
    /// - Returns: The sandbox, and what waits in it, if it has waited.
    func sandbox(
        _ specification: SandboxSpecification,
        plan: LaunchPlan,
        variables: EnvironmentVariables
    ) async throws(SandboxError) -> (sandbox: any Sandbox, waiting: WaitingSandbox?) {
        let memoryBytes = engine.adoptableMemoryBytes(forFunctionOf: specification.memoryBytesMax)
        let waitingPlan = plan.waitingPlan(variables: variables, memoryBytes: memoryBytes)
        if let waiting = take(waitingPlan) {
            let adoption = SandboxAdoption(
                memoryBytesMax: specification.memoryBytesMax,
                processesMax: specification.processesMax,
                temporaryStorageBytes: specification.temporaryStorageBytes,
                mounts: specification.mounts.filter { !waiting.plan.mounts.contains($0) },
                network: specification.network
            )
            do throws(SandboxError) {
                try await waiting.sandbox.adopt(adoption)
                return (waiting.sandbox, waiting)
            } catch {
                // The function need not suffer for it.
                logger.warning("a waiting sandbox could not be used", metadata: [LogKey.error: "\(error)"])
                await waiting.discard()
            }
        }
        if let copy = await copy(for: specification, waitingPlan) { return (copy.sandbox, copy) }
        return (try await engine.createSandbox(specification), nil)
    }

    /// A sandbox of which nothing has been made in advance.
    func newSandbox(_ specification: SandboxSpecification) async throws(SandboxError) -> any Sandbox {
        try await engine.createSandbox(specification)
    }

    /// A copy of a sandbox that waits, made for a function; `nil` if none can be made right away.
    private func copy(for specification: SandboxSpecification, _ plan: WaitingPlan) async -> WaitingSandbox? {
        guard let copier, let template = state.withLock({ $0.templates.use(plan) })
        else {
            return nil
        }
        do throws(SandboxError) {
            return try await copy(template, of: plan, as: specification, by: copier)
        } catch {
            logger.warning("a waiting sandbox could not be copied", metadata: [LogKey.error: "\(error)"])
            state.withLock { $0.templates.drop(plan) }
            return nil
        }
    }

    private func take(_ plan: WaitingPlan) -> WaitingSandbox? {
        let taken = state.withLock { state -> WaitingSandbox? in
            guard case .use(let id) = state.machine.take(plan, at: .now) else { return nil }
            return state.sandboxes.removeValue(forKey: id)
        }
        wake()
        return taken
    }

    // MARK: Supply

    /// Keeps the pool until ``stop()``, and then ends what waits in it.
    func run() async {
        while let action = nextAction() {
            switch action {
            case .make(let plan): await make(plan)
            case .discard(let id): await state.withLock({ $0.sandboxes.removeValue(forKey: id) })?.discard()
            case .wait(let instant): await sleep(until: instant)
            }
        }
        let left = state.withLock { state in
            _ = state.machine.shutDown()
            defer { state.sandboxes = [:] }
            return Array(state.sandboxes.values)
        }
        await withDiscardingTaskGroup { group in
            for sandbox in left { group.addTask { await sandbox.discard() } }
        }
    }

    /// Makes ``run()`` return; who needs a sandbox afterwards gets a new one.
    func stop() {
        state.withLock { $0.isStopped = true }
        wake()
    }

    private func nextAction() -> Machine.NextAction? {
        state.withLock { $0.isStopped ? nil : $0.machine.next(at: .now) }
    }

    private func make(_ plan: WaitingPlan) async {
        // What has been taken is wanted now, what takes its place is not.
        await gate.quiet(within: Self.deference)
        do throws(SandboxError) {
            let made = try await makeSandbox(plan)
            let id = made.sandbox.id
            let bytes = made.sandbox.peakHostMemoryBytes()
            // Before anybody can take it, who will want to be told instead.
            made.onExit { [weak self] _ in self?.ended(id) }
            let action = state.withLock { state in
                let action = state.machine.made(id, for: plan, memoryBytes: bytes)
                if action == .keep { state.sandboxes[id] = made }
                return action
            }
            switch action {
            case .keep: if made.hasExited { ended(id) }
            case .discard: await made.discard()
            }
        } catch {
            logger.warning("a sandbox could not be made in advance", metadata: [LogKey.error: "\(error)"])
            state.withLock { $0.machine.makingFailed(plan, at: .now) }
        }
    }

    /// A runtime has ended while it waited.
    private func ended(_ id: SandboxID) {
        let ended = state.withLock { state -> WaitingSandbox? in
            guard case .discard = state.machine.ended(id, at: .now) else { return nil }
            return state.sandboxes.removeValue(forKey: id)
        }
        guard let ended else { return }
        logger.warning("a runtime ended while it waited for a function", metadata: [LogKey.reason: "\(ended.plan)"])
        Task { await ended.discard() }
    }

    private func makeSandbox(_ plan: WaitingPlan) async throws(SandboxError) -> WaitingSandbox {
        guard let runtime = plan.runtime, runtime.canBeCopied, let copier else {
            return try await startSandbox(plan, isTemplate: false)
        }
        let template = try await template(of: plan, by: copier)
        let waiting: WaitingSandbox
        do throws(SandboxError) {
            waiting = try await copy(template, of: plan, as: specification(plan, isTemplate: false), by: copier)
        } catch {
            state.withLock { $0.templates.drop(plan) }
            throw error
        }
        do throws(SandboxError) {
            // What a machine does for the first time takes long, and it has done nothing yet.
            waiting.runtime?.askToRehearse()
            guard let channel = waiting.runtime?.channel, await isReady(channel) else {
                throw SandboxError(.gone, "a copied runtime did not rehearse")
            }
            // It uses some of the host's CPU as long as it runs, even if nothing does in it.
            try waiting.sandbox.freeze()
        } catch {
            await waiting.discard()
            throw error
        }
        return waiting
    }

    /// The template of a plan, which is made first if there is none. Sandboxes are made one after the other, and so are these.
    private func template(
        of plan: WaitingPlan,
        by copier: any SandboxCopier
    ) async throws(SandboxError) -> WaitingTemplates.Template {
        if let template = state.withLock({ $0.templates.use(plan) }) { return template }
        let waiting = try await startSandbox(plan, isTemplate: true)
        defer { waiting.runtime?.close() }
        guard let process = waiting.process else { throw SandboxError(.gone, "a runtime has ended") }
        let template = WaitingTemplates.Template(snapshot: try await copier.snapshot(waiting.sandbox), process: process)
        state.withLock { $0.templates.keep(template, for: plan) }
        return template
    }

    private func copy(
        _ template: WaitingTemplates.Template,
        of plan: WaitingPlan,
        as specification: SandboxSpecification,
        by copier: any SandboxCopier
    ) async throws(SandboxError) -> WaitingSandbox {
        let (runtime, channel) = try WaitingRuntime.make()
        defer { Glibc.close(channel) }
        runtime.started(template.process)
        do throws(SandboxError) {
            let process = CopiedProcess(output: runtime.output, channel: channel) { runtime.exited($0) }
            let sandbox = try await copier.createSandbox(
                specification,
                copying: template.snapshot,
                processes: [template.process: process]
            )
            return WaitingSandbox(sandbox: sandbox, plan: plan, runtime: runtime)
        } catch {
            runtime.close()
            throw error
        }
    }

    private func specification(_ plan: WaitingPlan, isTemplate: Bool) -> SandboxSpecification {
        SandboxSpecification(
            id: SandboxID("waiting-\(EnvironmentID.random())"),
            memoryBytesMax: plan.memoryBytes,
            processesMax: settings.processesMax,
            cpuLimit: .unlimited,
            temporaryStorageBytes: 0,
            mounts: plan.mounts,
            userland: plan.userland,
            isAdoptable: true,
            isTemplate: isTemplate
        )
    }

    private func startSandbox(_ plan: WaitingPlan, isTemplate: Bool) async throws(SandboxError) -> WaitingSandbox {
        let sandbox = try await engine.createSandbox(specification(plan, isTemplate: isTemplate))
        guard let runtime = plan.runtime else {
            return WaitingSandbox(sandbox: sandbox, plan: plan)
        }
        do throws(SandboxError) {
            return try await start(runtime, of: plan, in: sandbox)
        } catch {
            await sandbox.destroy()
            throw error
        }
    }

    private func start(
        _ runtime: WaitingPlan.Runtime,
        of plan: WaitingPlan,
        in sandbox: any Sandbox
    ) async throws(SandboxError) -> WaitingSandbox {
        let (started, channel) = try WaitingRuntime.make()
        let own = ["_SWIFTLET_CHANNEL": "3", "_SWIFTLET_ROOM": String(repeating: "-", count: Self.environmentRoom)]
        let process = ProcessSpecification(
            executable: runtime.executable,
            arguments: runtime.arguments,
            environment: runtime.environment.merging(own) { $1 }.map { "\($0)=\($1)" }.sorted(),
            workingDirectory: "/",
            output: started.output,
            channel: channel
        )
        do throws(SandboxError) {
            try await Self.start(process, closing: channel, as: started, in: sandbox)
            guard let channel = started.channel, await isReady(channel) else {
                let reason = "it did not get ready"
                throw SandboxError(.execFailed, "failed to start \(runtime.executable) in advance: \(reason)")
            }
        } catch {
            started.close()
            throw error
        }
        return WaitingSandbox(sandbox: sandbox, plan: plan, runtime: started)
    }

    /// Starts a runtime's process and closes our copy of its end of the channel, so that its end shows at ours.
    private static func start(
        _ process: ProcessSpecification,
        closing channel: CInt,
        as runtime: WaitingRuntime,
        in sandbox: any Sandbox
    ) async throws(SandboxError) {
        defer { Glibc.close(channel) }
        runtime.started(try await sandbox.start(process) { runtime.exited($0) })
    }

    /// Waits for the byte that a runtime sends when it has started.
    private func isReady(_ channel: CInt) async -> Bool {
        await withCheckedContinuation { continuation in
            queue.async {
                var readable = pollfd(fd: channel, events: Int16(POLLIN), revents: 0)
                var byte: UInt8 = 0
                let isReady = poll(&readable, 1, CInt(Self.startSecondsMax) * 1000) > 0 && read(channel, &byte, 1) == 1
                continuation.resume(returning: isReady)
            }
        }
    }

    // MARK: Sleep

    private func sleep(until instant: ContinuousClock.Instant?) async {
        if let instant {
            let nanoseconds = max(0, (instant - .now) / .nanoseconds(1))
            // A timer that comes late wakes for nothing, which harms nothing.
            queue.asyncAfter(deadline: .now() + .nanoseconds(Int(min(nanoseconds, 1e15)))) { [weak self] in self?.wake()
            }
        }
        await withCheckedContinuation { (continuation: CheckedContinuation<Void, Never>) in
            let isAwake = state.withLock { state in
                if state.isWoken {
                    state.isWoken = false
                    return true
                }
                state.sleeper = continuation
                return false
            }
            if isAwake { continuation.resume() }
        }
    }

    private func wake() {
        let sleeper = state.withLock { state in
            if state.sleeper == nil { state.isWoken = true }
            return state.sleeper.take()
        }
        sleeper?.resume()
    }
}
