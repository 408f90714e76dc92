import Glibc
import LambdaAPI
import Logging
import NIOCore
import Sandbox
import Telemetry

// The parts of an environment's life that have to do with snapshots.
extension EnvironmentLife {
    /// Keeps the sandbox of a template, which ends with that, and has whoever ordered it told.
    func takeSnapshot(of sandbox: any Sandbox) async {
        await environment.telemetryDelivered()
        let standing = await environment.onEventLoop { $0.standing }
        let result: Result<FunctionSnapshot, SandboxError>
        if let copier = source?.pool.copier {
            do throws(SandboxError) {
                result = .success(FunctionSnapshot(sandbox: try await copier.snapshot(sandbox), standing: standing))
            } catch {
                result = .failure(error)
            }
        } else {
            result = .failure(SandboxError(.unsupported, "these sandboxes cannot be kept as snapshots"))
        }
        await environment.onEventLoop { $0.snapshotEnded(result) }
    }

    /// Lives as a copy of the function's snapshot, if there is one.
    ///
    /// - Returns: Whether it did; otherwise nothing of it is left, and it can live as any other.
    func liveFromSnapshot(_ source: SandboxSource) async throws(PreparationError) -> Bool {
        let function = environment.function
        guard function.startsFromSnapshot, environment.snapshotOrder == nil, let copier = source.pool.copier,
            let snapshot = await snapshots?.snapshot(of: function)
        else { return false }
        let startedAt = NIODeadline.now()
        let (name, group) = (environment.logStream, environment.logGroup)
        let made: (stream: FunctionLogStream, output: CInt)
        let extensionOutput: CInt
        do throws(FunctionLogWriter.SystemError) {
            made = try logs.makeStream(named: name, group: group)
            do throws(FunctionLogWriter.SystemError) {
                extensionOutput = try made.stream.makeExtensionOutput()
            } catch {
                close(made.output)
                made.stream.finish()
                throw error
            }
        } catch {
            throw PreparationError("failed to make the log stream: \(error)")
        }
        defer {
            for output in [made.output, extensionOutput] { close(output) }
            made.stream.finish()
        }
        let sandbox: any Sandbox
        do throws(SandboxError) {
            sandbox = try await copier.createSandbox(
                sandboxSpecification(mounts: [], userland: nil),
                copying: snapshot.sandbox,
                processes: await processes(of: snapshot, output: made.output, extensionOutput: extensionOutput)
            )
        } catch {
            environment.logger.warning("a snapshot could not be used", metadata: [LogKey.error: "\(error)"])
            // Anything else may pass: there was no memory, say.
            if error.code == .incompatible { snapshots?.drop(snapshotOf: function) }
            return false
        }
        await live(in: sandbox, as: snapshot, since: startedAt, log: made.stream)
        await sandbox.destroy()
        return true
    }

    /// What the processes of a snapshot are connected with in this environment.
    private func processes(
        of snapshot: FunctionSnapshot,
        output: CInt,
        extensionOutput: CInt
    ) async -> [SandboxProcess: CopiedProcess] {
        let environment = environment
        let standing = snapshot.standing
        let generation = await environment.onEventLoop { $0.restorationBegan(from: standing) }
        let copied = standing.processes.map { kept in
            let role = kept.role
            let process = CopiedProcess(output: role == .runtime ? output : extensionOutput, channel: nil) { exit in
                environment.eventLoop.execute { environment.processEnded(role, exit, generation) }
            }
            return (kept.process, process)
        }
        return Dictionary(copied) { first, _ in first }
    }

    private func live(
        in sandbox: any Sandbox,
        as snapshot: FunctionSnapshot,
        since startedAt: NIODeadline,
        log: FunctionLogStream
    ) async {
        let isWanted = await environment.onEventLoop { environment in
            Result { () throws(SandboxError) in
                try environment.sandboxWasRestored(sandbox, from: snapshot.standing, since: startedAt, log: log)
            }
        }
        do throws(SandboxError) {
            guard try isWanted.get() else { return }
        } catch {
            return await environment.onEventLoop { $0.fail(.host(reason: "failed to take over the sandbox: \(error)")) }
        }
        meter.began(environment.id, in: sandbox)
        defer { meter.ended(environment.id) }
        await carryOutCommands(in: sandbox, nil)
    }
}
