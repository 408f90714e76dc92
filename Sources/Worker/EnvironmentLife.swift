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
    let engine: any SandboxEngine
    let codeStore: CodeStore
    let runtimes: InstalledRuntimes
    let logs: FunctionLogWriter

    /// Returns when nothing of the environment is left. Cancellation does not cut it short: an environment ends by
    /// being retired.
    func run() async {
        do throws(PreparationError) {
            let plan = try launchPlan()
            let code = try await codeDirectory()
            try await withLog { log, output throws(PreparationError) in
                try await withSandbox(code: code, plan: plan) { sandbox throws(PreparationError) in
                    try await startRuntime(plan, in: sandbox, log: log, output: output)
                    await environment.hasEnded()
                }
            }
        } catch {
            await environment.onEventLoop { $0.preparationFailed(error.description) }
        }
        await environment.onEventLoop { $0.wasRemoved() }
    }

    private func launchPlan() throws(PreparationError) -> LaunchPlan {
        let function = environment.function
        let plan = runtimes.launchPlan(
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

    private func codeDirectory() async throws(PreparationError) -> String {
        do throws(CodeStoreError) {
            return try await codeStore.unpackedDirectory(of: CodeHash(hexadecimal: environment.function.codeHash))
        } catch {
            throw PreparationError("failed to unpack the code: \(error)")
        }
    }

    /// Runs `body` with a log stream and the descriptor that processes print to.
    private func withLog(
        _ body: (FunctionLogStream, CInt) async throws(PreparationError) -> Void
    ) async throws(PreparationError) {
        let made: (stream: FunctionLogStream, output: CInt)
        do throws(FunctionLogWriter.SystemError) {
            made = try logs.makeStream(named: "\(environment.logGroup.dropFirst())/\(environment.logStream)")
        } catch {
            throw PreparationError("failed to make the log stream: \(error)")
        }
        defer {
            close(made.output)
            made.stream.finish()
        }
        try await body(made.stream, made.output)
    }

    private func withSandbox(
        code: String,
        plan: LaunchPlan,
        _ body: (any Sandbox) async throws(PreparationError) -> Void
    ) async throws(PreparationError) {
        let function = environment.function
        let specification = SandboxSpecification(
            id: SandboxID(environment.id.rawValue),
            memoryBytesMax: function.memory.bytes,
            processesMax: settings.processesMax,
            cpuLimit: .unlimited,
            temporaryStorageBytes: function.ephemeralStorageMegabytes << 20,
            mounts: [ReadOnlyMount(source: code, target: "/var/task")] + plan.mounts
        )
        let sandbox: any Sandbox
        do throws(SandboxError) {
            sandbox = try await engine.createSandbox(specification)
        } catch {
            throw PreparationError("failed to make the sandbox: \(error)")
        }
        do throws(PreparationError) {
            try await body(sandbox)
        } catch {
            await sandbox.destroy()
            throw error
        }
        await sandbox.destroy()
    }

    /// Starts the first of the plan's executables that is there. One that cannot be executed is the function's fault
    /// and ends the environment as an exit does.
    private func startRuntime(
        _ plan: LaunchPlan,
        in sandbox: any Sandbox,
        log: FunctionLogStream,
        output: CInt
    ) async throws(PreparationError) {
        let isWanted = await environment.onEventLoop { environment in
            Result { () throws(SandboxError) in try environment.runtimeStarting(in: sandbox, log: log) }
        }
        do throws(SandboxError) {
            guard try isWanted.get() else { return }
            try await execute(plan, in: sandbox, output: output)
        } catch {
            throw PreparationError("failed to start the runtime: \(error)")
        }
    }

    private func execute(_ plan: LaunchPlan, in sandbox: any Sandbox, output: CInt) async throws(SandboxError) {
        let variables = EnvironmentVariables(
            function: environment.function,
            initialisationType: environment.initialisationType,
            defaults: plan.environment,
            logGroup: environment.logGroup,
            logStream: environment.logStream,
            credentials: .random()
        )
        for executable in plan.executables {
            let process = ProcessSpecification(
                executable: executable,
                arguments: plan.argumentVector(executable: executable),
                environment: variables.list,
                workingDirectory: plan.workingDirectory,
                output: output
            )
            do throws(SandboxError) {
                return try await sandbox.start(process) { [environment] exit in
                    environment.eventLoop.execute { environment.runtimeExited(RuntimeExit(exit)) }
                }
            } catch  where error.code == .execFailed && error.errno == ENOENT {
                continue
            } catch  where error.code == .execFailed {
                let reason = String(cString: strerror(error.errno)).lowercased()
                return await environment.onEventLoop {
                    $0.runtimeExited(.notExecutable(path: executable, reason: reason))
                }
            }
        }
        await environment.onEventLoop { $0.runtimeExited(.noBootstrap(candidates: plan.executables)) }
    }
}

/// Why the host could not make an environment.
struct PreparationError: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension RuntimeExit {
    /// The exit of a process of the sandbox, as far as the function's owner is concerned: a sandbox that went away as a
    /// whole was killed, by the kernel for its memory or by the service.
    init(_ exit: ProcessExit) {
        switch exit {
        case .exited(0): self = .withoutReason
        case .exited(let status): self = .status(status)
        case .signalled(let signal): self = .signal(signal)
        case .lost: self = .signal(Int(SIGKILL))
        }
    }
}
