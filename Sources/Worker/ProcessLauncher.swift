import Glibc
import LambdaAPI
import NIOCore
import Sandbox

/// Starts the processes of an environment in its sandbox. A program that cannot be executed is the function's fault and
/// counts as an exit; what the sandbox itself refuses is an error.
struct ProcessLauncher {
    let environment: ExecutionEnvironment
    let sandbox: any Sandbox
    /// A runtime that may have been started already, and waits to be told of the function.
    let waiting: WaitingSandbox?
    let plan: LaunchPlan
    let variables: EnvironmentVariables
    let extensions: ExternalExtensions
    /// The descriptors that the runtime and that extensions print to.
    let output: CInt
    let extensionOutput: CInt

    /// The statuses that a shell exits with where a program is not there, or cannot be executed. Lambda's runtimes are
    /// started by one, and it is the shell that fails to execute a wrapper.
    private static let (notFoundStatus, notExecutableStatus) = (127, 126)

    /// Starts the extensions or, where there are none, the runtime. With extensions, the environment asks for the
    /// runtime when all have registered.
    func startProcesses(_ generation: ProcessGeneration) async throws(SandboxError) {
        let names = extensions.names
        guard !names.isEmpty else { return try await startRuntime(generation) }
        guard await environment.onEventLoop({ $0.extensionsStarting(names, generation) }) else { return }
        for name in names {
            let role = EnvironmentProcesses.Role.extension(name)
            let path = ExternalExtensions.path(of: name)
            do throws(SandboxError) {
                try await start(
                    role,
                    path,
                    arguments: [path],
                    workingDirectory: "/",
                    variables.ofExtensions,
                    generation
                )
            } catch  where error.code == .execFailed {
                let exit = RuntimeExit.notExecutable(path: path, reason: error.reason)
                return await environment.onEventLoop { $0.processExited(role, exit, generation) }
            }
        }
    }

    /// Tells a waiting runtime of the function, or starts the first of the plan's executables that is there.
    func startRuntime(_ generation: ProcessGeneration) async throws(SandboxError) {
        guard await environment.onEventLoop({ $0.isCurrent(generation) }) else { return }
        if await tellWaitingRuntime(generation) { return }
        for executable in plan.executables {
            do throws(SandboxError) {
                return try await start(
                    .runtime,
                    executable,
                    arguments: plan.argumentVector(executable: executable),
                    workingDirectory: plan.workingDirectory,
                    variables.list,
                    generation
                )
            } catch  where error.code == .execFailed && error.errno == ENOENT {
                continue
            } catch  where error.code == .execFailed {
                let exit: RuntimeExit =
                    plan.isWrapped
                    ? .status(Self.notExecutableStatus) : .notExecutable(path: executable, reason: error.reason)
                return await environment.onEventLoop { $0.processExited(.runtime, exit, generation) }
            }
        }
        let exit: RuntimeExit =
            plan.isWrapped ? .status(Self.notFoundStatus) : .noBootstrap(candidates: plan.executables)
        await environment.onEventLoop { $0.processExited(.runtime, exit, generation) }
    }

    /// Tells a waiting runtime of its function. Returns whether there was one.
    private func tellWaitingRuntime(_ generation: ProcessGeneration) async -> Bool {
        guard let waiting, let runtime = waiting.runtime, let process = waiting.process else { return false }
        let isTold = runtime.tell(
            handler: environment.function.handler,
            directory: plan.workingDirectory,
            variables: variables
        )
        guard isTold else { return false }
        let environment = environment
        await environment.onEventLoop { $0.processStarted(.runtime, process, generation) }
        waiting.onExit { exit in
            environment.eventLoop.execute { environment.processEnded(.runtime, exit, generation) }
        }
        return true
    }

    private func start(
        _ role: EnvironmentProcesses.Role,
        _ executable: String,
        arguments: [String],
        workingDirectory: String,
        _ variables: [String],
        _ generation: ProcessGeneration
    ) async throws(SandboxError) {
        let specification = ProcessSpecification(
            executable: executable,
            arguments: arguments,
            environment: variables,
            workingDirectory: workingDirectory,
            output: role == .runtime ? output : extensionOutput
        )
        let environment = environment
        let process = try await sandbox.start(specification) { exit in
            environment.eventLoop.execute { environment.processEnded(role, exit, generation) }
        }
        await environment.onEventLoop { $0.processStarted(role, process, generation) }
    }
}

extension SandboxError {
    /// The reason in the words of Go's runtime, which Lambda's messages use.
    fileprivate var reason: String { String(cString: strerror(errno)).lowercased() }
}

extension RuntimeExit {
    /// The exit of a process of the sandbox, as far as the function's owner is concerned: with a sandbox that went away as a
    /// whole it was killed.
    init(_ exit: ProcessExit) {
        switch exit {
        case .exited(0): self = .withoutReason
        case .exited(let status): self = .status(status)
        case .signalled(let signal): self = .signal(signal)
        case .lost: self = .signal(Int(SIGKILL))
        }
    }
}
