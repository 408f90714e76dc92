import Glibc
import LambdaAPI
import Logging
import NIOCore
import RuntimeAPI
import Sandbox
import Telemetry

// What goes wrong, and how processes are ended.
extension ExecutionEnvironment {
    /// Something went wrong: whoever it concerns is told, and the processes are ended.
    func fail(_ failure: Lifecycle.Failure) {
        carryOut(lifecycle.failed(failure))
    }

    func carryOut(_ action: Lifecycle.FailureAction) {
        switch action {
        case .none:
            break
        case .reset(let concern, let failure):
            tell(concern, failure)
            beginShutdown(reason: failure.shutdownReason)
        case .end(let concern, let failure):
            tell(concern, failure)
            if case .host(let reason) = failure {
                logger.error("execution environment failed", metadata: [LogKey.error: "\(reason)"])
                snapshotOrder?.fail(.host(reason: reason))
                observer.environmentFailedToInitialise(self, InvokeFailure(.environmentFailed, reason))
            } else if case .restoration = concern {
                observer.environmentFailedToInitialise(self, .restoration(failure))
            }
            close()
            observer.environmentEnded(self)
        }
    }

    private func tell(_ concern: Lifecycle.Concern, _ failure: Lifecycle.Failure) {
        let document = document(of: failure, concern)
        switch concern {
        case .nobody:
            break
        case .restoration:
            reportRestoration(.failure(document))
        case .initialisation:
            reportInitialisation(.failure(document))
            snapshotOrder?.fail(failure.isOfFunction ? .function(document) : .stopped)
            if initializationType == .provisionedConcurrency, failure.isOfFunction {
                observer.functionFailedToInitialise(in: self)
            }
        case .caller(let running):
            if response.deliveredAt != nil {
                reportRuntimeDone(running, .failure(document))
            } else {
                // The initialisation within this invoke failed; only now has the log its START.
                reportInitialisation(.failure(document))
                publish(
                    .start(
                        running.requestID,
                        version: function.version,
                        traceHeader: running.invoke.request.traceHeader
                    )
                )
            }
            finish(running, failure: document)
            var result = result(of: failure, document, for: running)
            result.logTail = platformLog.stream?.takeTail()
            response.failedInvoke = ResponseProgress.FailedInvoke(running: running, result: result)
        case .answered(let running):
            finish(running, failure: document)
            completeHeld(running)
        }
    }

    /// What the caller of an invoke that failed is told.
    private func result(
        of failure: Lifecycle.Failure,
        _ document: FailureDocument,
        for running: RunningInvoke
    ) -> InvokeResult {
        var result = InvokeResult(
            payload: document.payload(for: running.requestID),
            contentType: nil,
            isFunctionError: true
        )
        if case .initialisation(let reported) = failure {
            result.payload = reported.body
            result.contentType = reported.contentType
        }
        guard response.isStreaming else { return result }
        // What has begun cannot become an error document any more; the error comes behind it.
        result.streamError = .init(code: document.errorType, details: String(buffer: result.payload))
        result.payload = ByteBuffer()
        return result
    }

    private func document(of failure: Lifecycle.Failure, _ concern: Lifecycle.Concern) -> FailureDocument {
        switch failure {
        case .timeout:
            if case .restoration = concern {
                .timeout(seconds: Int(Limits.restoration.components.seconds))
            } else if case .initialisation = concern {
                .timeout(seconds: settings.initialisationTimeoutSeconds)
            } else {
                .timeout(seconds: function.timeoutSeconds)
            }
        case .runtimeExit(let exit):
            .exit(exit)
        case .extensionExit(let errorType, let exit):
            .extensionExit(errorType: errorType, exit)
        case .initialisation(let reported):
            FailureDocument(errorType: reported.errorType ?? "Runtime.Unknown", message: "", status: .error)
        case .host, .aborted:
            .sandboxFailure
        }
    }

    // MARK: Ending processes

    /// Ends the processes for the last time; nothing is given to the environment any more.
    func shutDownForGood() {
        observer.environmentEnded(self)
        beginShutdown(reason: .spindown)
    }

    private func beginShutdown(reason: ShutdownReason) {
        let extensions = (runtimeAPI?.shutdownSubscribers ?? []).filter { processes[.extension($0.name)] != nil }
        var sequence = ShutdownSequence(
            isAnyRegistered: runtimeAPI?.hasRegisteredExtensions ?? false,
            extensions: extensions
        )
        let actions = sequence.begin(isRuntimeRunning: processes[.runtime] != nil)
        shutdown = sequence
        shutdownReason = reason
        telemetry.flush()
        shutdownDeadline = .now() + .milliseconds(Int64(sequence.budgetMilliseconds))
        carryOut(actions)
    }

    func carryOut(_ actions: [ShutdownSequence.Action]) {
        for action in actions {
            switch action {
            case .terminateRuntime:
                signal(.runtime, SIGTERM)
            case .killRuntime:
                signal(.runtime, SIGKILL)
            case .kill(let names):
                for name in names { signal(.extension(name), SIGKILL) }
            case .notify(let names):
                let left = max((shutdownDeadline - .now()).nanoseconds / 1_000_000, 0)
                let deadline = Int64(Timestamp.now().milliseconds) + left
                runtimeAPI?.tellExtensions(
                    .shutdown(shutdownReason, deadlineMilliseconds: deadline),
                    only: Set(names)
                )
            case .startRuntimeTimer(let milliseconds):
                startShutdownTimer(milliseconds) { $0.runtimeTimeExpired() }
            case .startBudgetTimer(let milliseconds):
                startShutdownTimer(milliseconds) { $0.budgetExpired() }
            case .complete:
                shutdown = nil
                if lifecycle.isShuttingDown {
                    // The sandbox goes, and the processes with it.
                    if case .end = lifecycle.processesEnded() { close() }
                } else {
                    commandsContinuation.yield(.endProcesses)
                }
            }
        }
    }

    private func startShutdownTimer(
        _ milliseconds: Int,
        _ event: @escaping (inout ShutdownSequence) -> [ShutdownSequence.Action]
    ) {
        let generation = processes.generation
        eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(Int64(milliseconds))) { [self] in
            // Another generation's sequence has timers of its own.
            guard processes.generation == generation, var sequence = shutdown else { return }
            let actions = event(&sequence)
            shutdown = sequence
            carryOut(actions)
        }
    }

    private func signal(_ role: EnvironmentProcesses.Role, _ number: CInt) {
        guard let process = processes[role] else { return }
        do throws(SandboxError) {
            try sandbox?.signal(process, number)
        } catch {
            // Whatever does not heed this is killed with all the others in a moment.
            logger.debug("a process could not be signalled", metadata: [LogKey.error: "\(error)"])
        }
    }

    /// Answers the caller of an invoke that failed. It waits until the processes have ended, so that a caller who asks
    /// again at once finds the environment that it had, as it does on Lambda.
    func complete(_ failed: ResponseProgress.FailedInvoke?) {
        guard let failed else { return }
        complete(failed.running, failed.result)
    }

    /// The life is over: the sandbox can go.
    func close() {
        startEnded()
        complete(response.failedInvoke.take())
        runtimeAPI?.fallSilent()
        telemetry.removeAll()
        shutdown = nil
        commandsContinuation.finish()
    }
}

extension EnvironmentLifecycle.Failure {
    /// Whether the function is to blame, so that another environment of it would fare no better.
    fileprivate var isOfFunction: Bool {
        switch self {
        case .host, .aborted: false
        case .initialisation, .runtimeExit, .extensionExit, .timeout: true
        }
    }

    /// What extensions are told of it.
    fileprivate var shutdownReason: ShutdownReason {
        if case .timeout = self { .timeout } else { .failure }
    }
}
