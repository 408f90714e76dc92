import LambdaAPI
import NIOCore
import RuntimeAPI
import Sandbox
import Telemetry

// Snapshots: a template's, which is taken when it has initialised, and the restoration of an environment from one.
extension ExecutionEnvironment {
    /// How long subscribers to telemetry may take for what there is at the moment of a snapshot.
    private static let telemetryPatience: TimeAmount = .seconds(2)

    // MARK: Templates

    /// Returns when all telemetry so far has been delivered, or no more is waited for.
    func telemetryDelivered() async {
        await withCheckedContinuation { continuation in
            eventLoop.execute { [self] in
                var waiting: CheckedContinuation<Void, Never>? = continuation
                let goOn = { waiting.take()?.resume() ?? () }
                telemetry.finish(goOn)
                eventLoop.assumeIsolated().scheduleTask(in: Self.telemetryPatience, goOn)
            }
        }
    }

    /// What the copies of this environment have to know.
    var standing: EnvironmentStanding {
        eventLoop.preconditionInEventLoop()
        return EnvironmentStanding(
            processes: processes.all.map { EnvironmentStanding.Process(role: $0.key, number: $0.value.rawValue) }
                .sorted { $0.number < $1.number },
            runtimeAPI: runtimeAPI?.standing ?? .withoutExtensions,
            subscriptions: telemetry.subscriptions,
            authorizationToken: credentials.authorizationToken,
            metadataToken: metadataToken
        )
    }

    /// The snapshot was taken, or could not be; the environment ends.
    func snapshotEnded(_ result: Result<FunctionSnapshot, SandboxError>) {
        eventLoop.preconditionInEventLoop()
        switch result {
        case .success(let snapshot): snapshotOrder?.succeed(snapshot)
        case .failure(let error): snapshotOrder?.fail(.host(reason: "\(error)"))
        }
        guard lifecycle.snapshotEnded() else { return }
        close()
        observer.environmentEnded(self)
    }

    // MARK: Copies

    /// Processes of a snapshot are about to go on in a copy.
    ///
    /// - Returns: What their ends are to be told with.
    func restorationBegan(from standing: EnvironmentStanding) -> ProcessGeneration {
        eventLoop.preconditionInEventLoop()
        credentials.authorizationToken = standing.authorizationToken
        metadataToken = standing.metadataToken
        let generation = processes.begin()
        for process in standing.processes { processes.started(process.role, process.process) }
        return generation
    }

    /// Takes over the copy of a template's sandbox, and lets its processes know of it.
    ///
    /// - Returns: Whether the environment is still wanted.
    func sandboxWasRestored(
        _ sandbox: any Sandbox,
        from standing: EnvironmentStanding,
        since startedAt: NIODeadline,
        log: FunctionLogStream
    ) throws(SandboxError) -> Bool {
        eventLoop.preconditionInEventLoop()
        let deadline = startedAt + TimeAmount(Limits.restoration)
        guard lifecycle.sandboxWasRestored(deadline: deadline) else { return false }
        restoration = (startedAt, .now())
        // Processes ask in vain until this serves them.
        try takeOver(sandbox, log, restoring: standing.runtimeAPI)
        for subscription in standing.subscriptions { subscribe(subscription) }
        publish(.restoreStart)
        armTimer()
        return true
    }

    /// Tells of a restoration that has ended.
    func reportRestoration(_ outcome: PlatformEvent.Outcome) {
        guard let restoration = restoration.take() else { return }
        if !outcome.isSuccess { publish(.restoreRuntimeDone(outcome)) }
        let duration = NIODeadline.now() - restoration.startedAt
        publish(.restoreReport(duration: duration, outcome))
        guard outcome.isSuccess else { return }
        start = .restoration(duration, billed: NIODeadline.now() - restoration.resumedAt)
    }
}

extension InvokeFailure {
    /// What callers are told who wait for an environment that could not be restored. Source: the API reference's errors of Invoke.
    static func restoration(_ failure: ExecutionEnvironment.Lifecycle.Failure) -> InvokeFailure {
        if case .timeout = failure {
            InvokeFailure(.restorationTimedOut, "Lambda couldn't restore the snapshot within the timeout limit.")
        } else {
            InvokeFailure(
                .restorationFailed,
                "The afterRestore() runtime hook encountered an error. For more information, check the Amazon CloudWatch logs."
            )
        }
    }
}
