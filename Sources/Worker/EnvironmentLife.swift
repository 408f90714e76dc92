import CodeStore
import Glibc
import LambdaAPI
import NIOCore
import Sandbox
import Telemetry

/// The whole life of one environment on its host: what it needs is made in order, and removed in the opposite order
/// when it has ended or could not be made.
struct EnvironmentLife {
    let environment: ExecutionEnvironment
    let settings: WorkerSettings
    /// Where its sandbox comes from; nil if the function has chosen what this host has not.
    let source: SandboxSource?
    /// The snapshots of functions; nil where none can be taken.
    let snapshots: FunctionSnapshots?
    let codeStore: CodeStore
    let logs: FunctionLogWriter
    let meter: CPUMeter

    /// Returns when nothing of the environment is left. Cancellation does not cut it short: an environment ends by
    /// being retired.
    ///
    /// - Parameter passage: The environment's place among those that start.
    func run(through passage: StartGate.Passage) async {
        await environment.onEventLoop { $0.startBegan(passage) }
        do throws(PreparationError) {
            guard let source else {
                let sandbox = environment.function.sandbox.map(\.rawValue) ?? "none"
                throw PreparationError(
                    "failed to make the sandbox: none of kind \(sandbox) are made here; see --sandbox"
                )
            }
            if try await liveFromSnapshot(source) { return await environment.onEventLoop { $0.wasRemoved() } }
            let plan = try launchPlan(source)
            try await withFunctionContent { content throws(PreparationError) in
                try await live(with: content, plan, source)
            }
        } catch {
            await environment.onEventLoop { $0.fail(.host(reason: error.description)) }
        }
        await environment.onEventLoop { $0.wasRemoved() }
    }

    /// Makes the sandbox, does what the environment asks for until its life is over, and destroys the sandbox.
    private func live(
        with content: FunctionContent,
        _ plan: LaunchPlan,
        _ source: SandboxSource
    ) async throws(PreparationError) {
        let mounts = content.mounts + plan.mounts
        let variables = self.variables(of: plan)
        let (sandbox, waiting) = try await takeSandbox(
            source.pool,
            mounts: mounts,
            plan: plan,
            variables: variables
        )
        try await withLog(of: sandbox, waiting: waiting) { log, output throws(PreparationError) in
            guard try await takeOver(sandbox, log) else { return }
            meter.began(environment.id, in: sandbox)
            defer { meter.ended(environment.id) }
            let extensions = content.extensions
            let extensionOutput = try extensions.names.isEmpty ? output : Self.extensionOutput(of: log)
            defer { if extensionOutput != output { close(extensionOutput) } }
            let launcher = ProcessLauncher(
                environment: environment,
                sandbox: sandbox,
                waiting: waiting,
                plan: plan,
                variables: variables,
                extensions: extensions,
                output: output,
                extensionOutput: extensionOutput
            )
            await carryOutCommands(in: sandbox, launcher)
        }
    }

    /// Does what the environment asks for until its life is over.
    ///
    /// - Parameter launcher: Starts its processes; nil where they have been and others are not to be.
    func carryOutCommands(in sandbox: any Sandbox, _ launcher: ProcessLauncher?) async {
        for await command in environment.commands {
            do throws(SandboxError) {
                switch command {
                case .startProcesses(let generation):
                    try await launcher?.startProcesses(generation)
                case .startRuntime(let generation):
                    try await launcher?.startRuntime(generation)
                case .takeSnapshot:
                    await takeSnapshot(of: sandbox)
                case .endProcesses:
                    try await sandbox.killProcesses()
                    await environment.onEventLoop { $0.processesEnded() }
                }
            } catch {
                await environment.onEventLoop { $0.fail(.host(reason: "failed in the sandbox: \(error)")) }
            }
        }
    }

    private static func extensionOutput(of log: FunctionLogStream) throws(PreparationError) -> CInt {
        do throws(FunctionLogWriter.SystemError) {
            return try log.makeExtensionOutput()
        } catch {
            throw PreparationError("failed to make a log pipe for extensions: \(error)")
        }
    }

    /// Gives the sandbox to the environment. Returns whether it is still wanted.
    private func takeOver(_ sandbox: any Sandbox, _ log: FunctionLogStream) async throws(PreparationError) -> Bool {
        let isWanted = await environment.onEventLoop { environment in
            Result { () throws(SandboxError) in try environment.sandboxBecameReady(sandbox, log: log) }
        }
        do throws(SandboxError) {
            return try isWanted.get()
        } catch {
            throw PreparationError("failed to take over the sandbox: \(error)")
        }
    }

    private func launchPlan(_ source: SandboxSource) throws(PreparationError) -> LaunchPlan {
        let function = environment.function
        let plan = source.runtimes.launchPlan(
            for: function.runtime,
            handler: function.handler,
            memoryMebibytes: function.memoryMegabytes
        )
        guard let plan else {
            throw PreparationError("failed to find the runtime: \(function.runtime) is not installed on this host")
        }
        guard let wrapper = function.environment["AWS_LAMBDA_EXEC_WRAPPER"] else { return plan }
        return plan.wrapped(by: wrapper)
    }

    /// What the function brings along.
    private struct FunctionContent {
        /// The package at `/var/task`, and the layers, if there are any, at `/opt`.
        let mounts: [ReadOnlyMount]
        let extensions: ExternalExtensions
    }

    /// Runs `body` with the function's content, which stays on the host's disk until the sandbox is gone that shows it.
    private func withFunctionContent(
        _ body: (FunctionContent) async throws(PreparationError) -> Void
    ) async throws(PreparationError) {
        let function = environment.function
        let result: Result<Void, PreparationError>
        do throws(CodeStoreError) {
            result = try await codeStore.withContent(
                of: CodeHash(hexadecimal: function.codeHash),
                layers: LayerStack(function.layerHashes.map { CodeHash(hexadecimal: $0) })
            ) { content throws(CodeStoreError) in
                var mounts = [ReadOnlyMount(source: content.directory, target: "/var/task")]
                if let layers = content.layers {
                    mounts.append(ReadOnlyMount(source: layers.directory, target: "/opt"))
                }
                let extensions = try ExternalExtensions(of: content.layers)
                do throws(PreparationError) {
                    return .success(try await body(FunctionContent(mounts: mounts, extensions: extensions)))
                } catch {
                    return .failure(error)
                }
            }
        } catch {
            throw PreparationError("failed to unpack the code: \(error)")
        }
        try result.get()
    }

    private func variables(of plan: LaunchPlan) -> EnvironmentVariables {
        EnvironmentVariables(
            function: environment.function,
            initializationType: environment.initializationType,
            defaults: plan.environment,
            logGroup: environment.logGroup,
            logStream: environment.logStream,
            credentials: environment.credentials,
            metadataToken: environment.metadataToken
        )
    }

    private func takeSandbox(
        _ pool: SandboxPool,
        mounts: [ReadOnlyMount],
        plan: LaunchPlan,
        variables: EnvironmentVariables
    ) async throws(PreparationError) -> (sandbox: any Sandbox, waiting: WaitingSandbox?) {
        var specification = sandboxSpecification(mounts: mounts, userland: plan.userland)
        do throws(SandboxError) {
            if environment.snapshotOrder != nil {
                specification.isTemplate = true
                return (try await pool.newSandbox(specification), nil)
            }
            return try await pool.sandbox(specification, plan: plan, variables: variables)
        } catch {
            throw PreparationError("failed to make the sandbox: \(error)")
        }
    }

    func sandboxSpecification(mounts: [ReadOnlyMount], userland: UserlandID?) -> SandboxSpecification {
        let function = environment.function
        return SandboxSpecification(
            id: SandboxID(environment.id.rawValue),
            memoryBytesMax: function.memory.bytes,
            processesMax: settings.processesMax,
            cpuLimit: .unlimited,
            temporaryStorageBytes: function.ephemeralStorageMegabytes << 20,
            mounts: mounts,
            userland: userland,
            network: settings.network.network(of: function)
        )
    }

    /// Runs `body` with a log stream and the descriptor that processes print to, and then destroys the sandbox: what its
    /// processes print up to their end belongs into the log.
    private func withLog(
        of sandbox: any Sandbox,
        waiting: WaitingSandbox?,
        _ body: (FunctionLogStream, CInt) async throws(PreparationError) -> Void
    ) async throws(PreparationError) {
        let made: (stream: FunctionLogStream, output: CInt)
        let (name, group) = (environment.logStream, environment.logGroup)
        if let runtime = waiting?.runtime {
            made = (logs.makeStream(named: name, group: group, reading: runtime.log), runtime.output)
        } else {
            do throws(FunctionLogWriter.SystemError) {
                made = try logs.makeStream(named: name, group: group)
            } catch {
                await sandbox.destroy()
                throw PreparationError("failed to make the log stream: \(error)")
            }
        }
        defer {
            waiting?.runtime?.closeChannel()
            close(made.output)
            made.stream.finish()
        }
        do throws(PreparationError) {
            try await body(made.stream, made.output)
        } catch {
            await sandbox.destroy()
            throw error
        }
        await sandbox.destroy()
    }
}

/// Why the host could not make an environment.
struct PreparationError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}
